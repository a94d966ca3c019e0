// A call for work whose answer was lost: the next call of its daemon names it, and what it had taken is
// handed out as if it had taken nothing.
import { beforeEach, describe, expect, it } from 'vitest';
import { createId, type AcquireCallId, type JobId } from '../../../src/base/id.ts';
import { acquireJob } from '../../../src/jobs/acquire-job.ts';
import type { DaemonRef } from '../../../src/jobs/attempt.ts';
import { giveBack } from '../../../src/jobs/untold-attempt.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import type { TestDaemon } from '../../support/queue.ts';
import { useQueueGround } from '../../support/queue-ground.ts';

const ground = useQueueGround();
let daemon: TestDaemon;
let other: TestDaemon;
let jobId: JobId;
let lost: AcquireCallId;

beforeEach(async () => {
  ({ jobId } = await ground.make.workspace(ground.template, { ownerId: ground.ownerId }));
  [daemon, other] = (await ground.daemons(2)) as [TestDaemon, TestDaemon];
  lost = createId(ground.store.kit);
  expect(await ask(daemon, { callId: lost })).toMatchObject({ id: jobId, attempt: 1 });
});

const ask = (
  of: DaemonRef,
  call: { readonly callId?: AcquireCallId; readonly lostCalls?: readonly AcquireCallId[] } = {},
): Promise<TakenJob | undefined> =>
  acquireJob(ground.queue.deps, of, { signal: new AbortController().signal, waitMs: 0, ...call });

describe('a job that a lost call has taken', () => {
  it('is handed out again at once, as the attempt that it was', async () => {
    expect(await ask(daemon, { lostCalls: [lost] })).toMatchObject({ id: jobId, attempt: 1 });
    // Named once more, since its control plane might have been slow: it is another call’s by now.
    expect(await ask(daemon, { lostCalls: [lost] })).toBeUndefined();
    await ground.queue.complete({ daemon, jobId, attempt: 1 });
    expect(await ground.queue.status(jobId)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('ends when somebody has asked for that meanwhile', async () => {
    await ground.queue.cancel(jobId);
    expect(await ask(daemon, { lostCalls: [lost] })).toBeUndefined();
    expect(await ground.queue.status(jobId)).toMatchObject({ status: 'canceled' });
  });

  it('is nobody else’s to give back', async () => {
    expect(await ask(other, { lostCalls: [lost] })).toBeUndefined();
    expect(await ask(daemon, { lostCalls: [createId(ground.store.kit)] })).toBeUndefined();
    expect(await ground.queue.status(jobId)).toMatchObject({
      status: 'running',
      daemon_id: daemon.daemonId,
    });
  });

  it('is not given back twice, though another attempt has the same number since', async () => {
    const untold = { id: jobId, attempt: 1, takenByCall: lost };
    await giveBack(ground.queue.deps, untold);
    expect(await ask(other)).toMatchObject({ id: jobId, attempt: 1 });
    await giveBack(ground.queue.deps, untold);
    expect(await ground.queue.status(jobId)).toMatchObject({
      status: 'running',
      attempt: 1,
      daemon_id: other.daemonId,
    });
  });
});
