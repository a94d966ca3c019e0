// Jobs that run for longer than they may.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId } from '../../../src/base/id.ts';
import { createReaper } from '../../../src/jobs/reaper.ts';
import { sweepOverruns } from '../../../src/jobs/sweep-overruns.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import {
  createQueue,
  FAILED,
  RUN_TIME,
  SUCCEEDED,
  SWEEP,
  type TestDaemon,
  type TestQueue,
} from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const MINUTE_MS = 60_000;

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organizationId: OrganizationId;
let pool: TestPool;
let daemon: TestDaemon;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }));
  daemon = await queue.daemon({}, { organizationId });
});

const look = (database = store.database): Promise<readonly string[]> =>
  sweepOverruns({ ...store.kit, database }, RUN_TIME);

async function judged(): Promise<readonly unknown[]> {
  return store.sql('select failed from judged_builds where pool_id = $1', [pool.poolId]);
}

describe('a job that runs for too long', () => {
  it('is asked to stop at the limit of its kind, and not before', async () => {
    const { jobId: importId } = await make.version(pool);
    await queue.mustTake(daemon);
    const { jobId: buildId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await store.advanceClock(29 * MINUTE_MS);
    expect(await look()).toEqual([]);
    await store.advanceClock(2 * MINUTE_MS);
    store.announced.length = 0;
    expect(await look()).toEqual([importId]);
    expect(await queue.status(importId)).toMatchObject({ status: 'canceling' });
    expect(store.announced).toEqual([
      { kind: 'job', jobId: importId },
      { kind: 'cancel', daemonId: attempt.daemon.daemonId },
    ]);
    expect(await look()).toEqual([]);
    expect(await queue.heartbeat(attempt)).toMatchObject({ cancel: false });
    await store.advanceClock(240 * MINUTE_MS);
    expect(await look()).toContain(buildId);
    expect(await queue.heartbeat(attempt)).toMatchObject({ cancel: true });
  });

  it('is asked by the reaper of any replica', async () => {
    const { jobId } = await make.version(pool);
    await queue.mustTake(daemon);
    await store.sql(`update jobs set acquired_at = acquired_at - interval '1 hour' where id = $1`, [
      jobId,
    ]);
    const reaper = createReaper(
      { ...store.kit, database: store.database, keyring: store.keyring },
      {
        ...SWEEP,
        ...RUN_TIME,
        intervalMs: 10,
        agentTimeoutMs: 60_000,
        ownerValuesTimeoutMs: 60_000,
      },
    );
    await reaper.start();
    await expect.poll(() => queue.status(jobId)).toMatchObject({ status: 'canceling' });
    expect(await reaper.stop('test', 5_000)).toBe('stopped');
  });

  it('counts from the attempt that runs, not from the job', async () => {
    const { jobId } = await make.version(pool);
    await store.advanceClock(500 * MINUTE_MS);
    await queue.mustTake(daemon);
    expect(await look()).not.toContain(jobId);
  });

  it.each([
    [
      'was stopped',
      { outcome: 'canceled' } as const,
      'it ran for longer than it may, and was stopped',
    ],
    [
      'broke when it was stopped',
      FAILED,
      'it ran for longer than it may, and was stopped: it broke',
    ],
  ])('has failed when it %s, by its template’s fault', async (_, result, error) => {
    const { jobId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await store.advanceClock(241 * MINUTE_MS);
    await look();
    await queue.complete(attempt, result);
    expect(await queue.status(jobId)).toMatchObject({
      status: 'failed',
      error_code: 'run_time_exceeded',
    });
    expect(await store.sql('select error from jobs where id = $1', [jobId])).toEqual([{ error }]);
    expect(await judged()).toEqual([{ failed: true }]);
    await queue.complete(attempt, result); // its answer was lost
    await expect(queue.complete(attempt, SUCCEEDED)).rejects.toMatchObject({
      code: 'ATTEMPT_STALE',
    });
  });

  it('has succeeded when it got done all the same', async () => {
    const { jobId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await store.advanceClock(241 * MINUTE_MS);
    await look();
    await queue.complete(attempt);
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
    expect(await judged()).toEqual([{ failed: false }]);
  });

  it('fails without its daemon when that does not stop it in time', async () => {
    const { jobId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await store.advanceClock(1_000 * MINUTE_MS); // nobody looked
    expect(await look()).toContain(jobId);
    await store.advanceClock(14 * MINUTE_MS);
    expect(await look()).not.toContain(jobId);
    await store.advanceClock(2 * MINUTE_MS);
    const ended = await Promise.all([look(), look(store.open(2))]);
    expect(ended.flat().filter((id) => id === jobId)).toEqual([jobId]);
    expect(await queue.status(jobId)).toMatchObject({
      status: 'failed',
      error_code: 'run_time_exceeded',
    });
    await expect(queue.heartbeat(attempt)).rejects.toMatchObject({ code: 'ATTEMPT_STALE' });
    expect(await judged()).toEqual([{ failed: true }]);
  });

  it('fails as well when somebody had canceled it before', async () => {
    const { jobId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await queue.cancel(jobId);
    await store.advanceClock(239 * MINUTE_MS);
    expect(await look()).not.toContain(jobId);
    await store.advanceClock(2 * MINUTE_MS);
    expect(await look()).toContain(jobId);
    await expect(queue.complete(attempt)).rejects.toMatchObject({ code: 'ATTEMPT_STALE' });
  });
});
