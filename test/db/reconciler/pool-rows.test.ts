// What is read of pools that are looked at, as one is behind every claim.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPoolRows } from '../../../src/store/pool-row.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  pool = await make.pool(await make.template({ organizationId: await make.organization() }));
  await makeReady(store, make, { pool, count: 3 });
});
afterAll(() => store.close());

it('a pool that is named twice is read once', async () => {
  const poolIds = [pool.poolId, pool.poolId];
  const { presets, members } = await readPoolRows(store.database, { poolIds });
  expect(presets).toHaveLength(1);
  expect(members).toHaveLength(3);
});

describe('the judged builds of a pool', () => {
  const judged = async (): Promise<number> =>
    (await readPoolRows(store.database, { poolIds: [pool.poolId] })).judged.length;
  const tell = (column: string): Promise<unknown> =>
    store.sql(
      `update pool_members set ${column} where workspace_id = (
         select workspace_id from pool_members where pool_id = $1 order by workspace_id limit 1)`,
      [pool.poolId],
    );
  beforeAll(() =>
    store.sql(
      `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
       select pool_id, workspace_id, preset_id, born_at, running_since, false
       from pool_members where pool_id = $1`,
      [pool.poolId],
    ),
  );

  it('are not read while all went well', async () => {
    expect(await judged()).toBe(0);
  });

  it.each([
    ['is not ready', 'ready = false', 'ready = true'],
    ['is broken', "ready = false, broken = 'gone'", 'ready = true, broken = null'],
  ])('are read when one that runs %s', async (_, turned, mended) => {
    await tell(turned);
    expect(await judged()).toBe(3);
    await tell(mended);
    expect(await judged()).toBe(0);
  });

  it('are read when one has failed, each with what it was', async () => {
    await store.sql(
      `update judged_builds set failed = true where workspace_id = (
         select workspace_id from pool_members where pool_id = $1 order by workspace_id limit 1)`,
      [pool.poolId],
    );
    const rows = await readPoolRows(store.database, { poolIds: [pool.poolId] });
    expect(rows.judged.map(({ failed }) => failed).toSorted()).toEqual([false, false, true]);
    const births = rows.members.map(({ bornAt }) => bornAt).toSorted();
    expect(rows.judged.map(({ createdAt }) => createdAt).toSorted()).toEqual(births);
  });
});
