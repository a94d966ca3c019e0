// What a pool that is not wanted any more cancels, and case by case what it leaves alone.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobId, UserId } from '../../../src/base/id.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let userId: UserId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  const organizationId = await make.organization();
  userId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }), { desired: 0 });
});

const reconcile = async (): Promise<readonly string[]> =>
  doneOf(await reconcileNow(store, pool.poolId));
const statusOf = async (jobId: JobId): Promise<string> => {
  const [job] = await store.sql<{ status: string }>('select status from jobs where id = $1', [
    jobId,
  ]);
  return job!.status;
};

it('cancels a first start that nobody has taken, and its workspace is gone on the spot', async () => {
  const { jobId, workspaceId } = await make.prebuild(pool);
  expect(await reconcile()).toEqual(['pool.canceled 1']);
  expect(await statusOf(jobId)).toBe('canceled');
  expect(
    await store.sql(
      `select b.number, b.transition, j.status, w.deleted_at is not null as deleted
       from workspaces w
       join builds b on b.workspace_id = w.id
       join jobs j on j.id = b.job_id
       where w.id = $1 order by b.number`,
      [workspaceId],
    ),
  ).toEqual([
    { number: 1, transition: 'start', status: 'canceled', deleted: true },
    { number: 2, transition: 'delete', status: 'succeeded', deleted: true },
  ]);
});

it('cancels the newest of them first, and no more than are too many', async () => {
  const made = [];
  for (let n = 0; n < 4; n++) made.push(await make.prebuild(pool));
  await store.sql('update presets set desired_instances = 2 where id = $1', [pool.presetId]);
  expect(await reconcile()).toEqual(['pool.canceled 2']);
  const statuses = [];
  for (const { jobId } of made) statuses.push(await statusOf(jobId));
  expect(statuses).toEqual(['pending', 'pending', 'canceled', 'canceled']);
});

/** Makes a job and says which. */
const LEFT_ALONE: Readonly<Record<string, () => Promise<JobId>>> = {
  'a start that a daemon has': async () => {
    const { jobId } = await make.prebuild(pool);
    await builder.take({ poolId: pool.poolId });
    return jobId;
  },
  'a start that a daemon had, and that waits again': async () => {
    const { jobId } = await make.prebuild(pool);
    await builder.take({ poolId: pool.poolId });
    await store.sql(
      'update jobs set acquired_at = null, heartbeat_at = null, daemon_id = null where id = $1',
      [jobId],
    );
    return jobId;
  },
  'a start that is not the first of its workspace': async () => {
    const first = await make.prebuild(pool);
    await builder.buildAll();
    const { jobId } = await make.nextBuild(pool, first, {
      transition: 'start',
      initiatorId: userId,
    });
    return jobId;
  },
  'a delete': async () => {
    const first = await make.prebuild(pool);
    await builder.buildAll();
    expect(await reconcile()).toEqual(['pool.deleting 1 extraneous']);
    const [job] = await store.sql<{ job_id: JobId }>(
      'select job_id from builds where workspace_id = $1 and number = 2',
      [first.workspaceId],
    );
    return job!.job_id;
  },
  'the build of a person’s own workspace': async () =>
    (await make.workspace(pool, { ownerId: userId, presetId: pool.presetId })).jobId,
  'a start of another pool': async () => {
    const other = await make.pool(pool, { desired: 1 });
    return (await make.prebuild(other)).jobId;
  },
  'an import': async () => (await make.version(pool)).jobId,
};

describe('leaves alone', () => {
  it.each(Object.entries(LEFT_ALONE))('%s', async (_, create) => {
    const jobId = await create();
    const before = await store.sql('select * from jobs where id = $1', [jobId]);
    for (let turn = 0; turn < 3; turn++) expect(await reconcile()).toEqual([]);
    expect(await store.sql('select * from jobs where id = $1', [jobId])).toEqual(before);
  });
});
