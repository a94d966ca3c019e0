// A daemon's wait for the word that something it works on is to stop.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobId, OrganizationId } from '../../../src/base/id.ts';
import type { DaemonRef } from '../../../src/jobs/attempt.ts';
import { awaitCancels, type CanceledAttempt } from '../../../src/jobs/await-cancels.ts';
import type { GroupDeps } from '../../../src/jobs/waiting-group.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { createQueue, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { until } from '../../support/until.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let bus: NoticeBus;
let organizationId: OrganizationId;
let daemon: TestDaemon;
let jobId: JobId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  bus = createNoticeBus({ ...store.kit, database: store.database });
  await bus.start();
});
afterAll(async () => {
  await bus.stop('the tests are over', 5_000);
  await store.close();
});

beforeEach(async () => {
  organizationId = await make.organization();
  const template = await make.template({ organizationId });
  const ownerId = await make.user({ organizationId });
  ({ jobId } = await make.workspace(template, { ownerId }));
  daemon = await queue.daemon({}, { organizationId });
  await queue.mustTake(daemon);
});

interface Waiting {
  readonly known?: readonly JobId[];
  readonly waitMs?: number;
  readonly on?: GroupDeps['bus'];
}

const wait = (
  of: DaemonRef,
  { known = [], waitMs = 60_000, on = bus }: Waiting = {},
): Promise<readonly CanceledAttempt[]> =>
  awaitCancels({ ...queue.deps, bus: on }, of, {
    known,
    waitMs,
    signal: new AbortController().signal,
  });

describe('a daemon that waits for cancels', () => {
  it('hears of one when it is asked for', async () => {
    let hasSubscribed = false;
    const on: GroupDeps['bus'] = {
      subscribe: (...wanted) => {
        hasSubscribed = true;
        return bus.subscribe(...wanted);
      },
    };
    const heard = wait(daemon, { on });
    await until(() => expect(hasSubscribed).toBe(true));
    await queue.cancel(jobId);
    expect(await heard).toEqual([{ id: jobId, attempt: 1 }]);
  });

  it('hears at once of one that was asked for before, unless it knows', async () => {
    expect(await wait(daemon, { waitMs: 0 })).toEqual([]);
    await queue.cancel(jobId);
    expect(await wait(daemon)).toEqual([{ id: jobId, attempt: 1 }]);
    expect(await wait(daemon, { known: [jobId], waitMs: 0 })).toEqual([]);
  });

  it('hears of its own alone, and only as the process that works on them', async () => {
    await queue.cancel(jobId);
    expect(await wait(await queue.daemon({}, { organizationId }), { waitMs: 0 })).toEqual([]);
    const { keyId } = await queue.daemon({}, { organizationId });
    await expect(wait({ ...daemon, keyId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await queue.restart(daemon);
    await expect(wait(daemon)).rejects.toMatchObject({ code: 'DAEMON_REPLACED' });
  });
});
