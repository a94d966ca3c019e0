// The bounded record of how first builds ended, which all ends of a pool's builds write.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import {
  KEPT_PER_POOL,
  recordJudgedBuilds,
  type JudgedBuild,
} from '../../../src/store/judged-build.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { written } from '../../support/written.ts';

let store: TestStore;
let make: Factory;
let pool: TestPool;
let made: readonly WorkspaceId[];

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  pool = await make.pool(await make.template({ organizationId: await make.organization() }));
  made = await makeReady(store, make, { pool, count: 3 });
  await store.sql(
    `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
     select $1, gen_random_uuid(), $2, standby_now() - n * interval '1 minute', standby_now(), false
     from generate_series(1, $3::integer) as n`,
    [pool.poolId, pool.presetId, KEPT_PER_POOL],
  );
});

const judged = (place: number) => ({
  poolId: pool.poolId,
  workspaceId: made[place]!,
  failed: place === 0,
});
const recorded = (...all: readonly JudgedBuild[]): Promise<void> =>
  written(store.database, (tx) => {
    recordJudgedBuilds(tx, all);
  });
const record = async (): Promise<readonly string[]> =>
  (
    await store.sql<{ id: string }>(
      'select workspace_id as id from judged_builds where pool_id = $1 order by created_at desc, workspace_id desc',
      [pool.poolId],
    )
  ).map(({ id }) => id);

describe('the record of how first builds ended', () => {
  it('takes in the newest, and the oldest leaves with the same statement', async () => {
    const before = await record();
    await recorded(judged(0));
    expect(await record()).toEqual([made[0], ...before.slice(0, KEPT_PER_POOL - 1)]);
  });

  it('forgets nothing for a build that it has already', async () => {
    await recorded(judged(0));
    const before = await record();
    await recorded(judged(0));
    expect(await record()).toEqual(before);
  });

  it('forgets no newer one for a build that began before it and ended later', async () => {
    await recorded(judged(1));
    const before = await record();
    await store.sql(
      `update builds set created_at = created_at - interval '1 day' where workspace_id = $1`,
      [made[2]],
    );
    await recorded(judged(2));
    expect((await record()).slice(0, KEPT_PER_POOL)).toEqual(before);
  });

  it('is written by two ends of builds at once, and neither waits for the other', async () => {
    const [isWritten, over] = [createDeferred<undefined>(), createDeferred<undefined>()];
    const first = store.database.transaction(async (tx) => {
      recordJudgedBuilds(tx, [judged(0)]);
      await tx.query({ name: '', text: 'select', values: [] });
      isWritten.resolve(undefined);
      await over.promise;
    });
    await isWritten.promise;
    await recorded(judged(1));
    over.resolve(undefined);
    await first;
    expect((await record()).slice(0, 2).sort()).toEqual([made[0]!, made[1]!].sort());
    // What one of them left to the other goes with the next.
    await recorded(judged(2));
    expect(await record()).toHaveLength(KEPT_PER_POOL);
  });
});
