// A call for work whose answer was lost: the next call of its daemon names it, and what it had taken is
// handed out as if it had taken nothing.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createId, type AcquireCallId, type JobId } from '../../../src/base/id.ts';
import { acquireJob } from '../../../src/jobs/acquire-job.ts';
import type { DaemonRef } from '../../../src/jobs/attempt.ts';
import { giveBack } from '../../../src/jobs/untold-attempt.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { createQueue, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let daemon: TestDaemon;
let other: TestDaemon;
let jobId: JobId;
let lost: AcquireCallId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  const ownerId = await make.user({ organizationId });
  ({ jobId } = await make.workspace(await make.template({ organizationId }), { ownerId }));
  daemon = await queue.daemon({}, { organizationId });
  other = await queue.daemon({}, { organizationId });
  lost = createId(store.kit);
  expect(await ask(daemon, { callId: lost })).toMatchObject({ id: jobId, attempt: 1 });
});

const ask = (
  of: DaemonRef,
  call: { readonly callId?: AcquireCallId; readonly lostCalls?: readonly AcquireCallId[] } = {},
): Promise<TakenJob | undefined> =>
  acquireJob(queue.deps, of, { signal: new AbortController().signal, waitMs: 0, ...call });

describe('a job that a lost call has taken', () => {
  it('is handed out again at once, as the attempt that it was', async () => {
    expect(await ask(daemon, { lostCalls: [lost] })).toMatchObject({ id: jobId, attempt: 1 });
    // Named once more, since its control plane might have been slow: it is another call’s by now.
    expect(await ask(daemon, { lostCalls: [lost] })).toBeUndefined();
    await queue.complete({ daemon, jobId, attempt: 1 });
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('ends when somebody has asked for that meanwhile', async () => {
    await queue.cancel(jobId);
    expect(await ask(daemon, { lostCalls: [lost] })).toBeUndefined();
    expect(await queue.status(jobId)).toMatchObject({ status: 'canceled' });
  });

  it('is nobody else’s to give back', async () => {
    expect(await ask(other, { lostCalls: [lost] })).toBeUndefined();
    expect(await ask(daemon, { lostCalls: [createId(store.kit)] })).toBeUndefined();
    expect(await queue.status(jobId)).toMatchObject({
      status: 'running',
      daemon_id: daemon.daemonId,
    });
  });

  it('is not given back twice, though another attempt has the same number since', async () => {
    const untold = { id: jobId, attempt: 1, takenByCall: lost };
    await giveBack(queue.deps, untold);
    expect(await ask(other)).toMatchObject({ id: jobId, attempt: 1 });
    await giveBack(queue.deps, untold);
    expect(await queue.status(jobId)).toMatchObject({
      status: 'running',
      attempt: 1,
      daemon_id: other.daemonId,
    });
  });
});
