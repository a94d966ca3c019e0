// How PostgreSQL goes about the look at one pool that follows every claim, on connections that a control plane keeps.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readPoolRows, readRowsOfPools } from '../../../src/store/pool-row.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

/** PostgreSQL weighs the plan of a statement against a lasting one from the sixth time on. */
const TIMES = 10;

let store: TestStore;
let make: Factory;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  const organizationId = await make.organization();
  for (const count of [20, 3]) {
    pool = await make.pool(await make.template({ organizationId }));
    await makeReady(store, make, { pool, count });
  }
});
afterAll(() => store.close());

it('it is planned once', async () => {
  const database = store.open(1);
  const poolIds = [pool.poolId];
  for (let n = 0; n < TIMES; n++) await readPoolRows(database, { poolIds });
  const { rows } = await database.query({
    name: 'test.plans',
    text: 'select generic_plans::int from pg_prepared_statements where name = $1',
    values: [readRowsOfPools.name],
  });
  expect(rows).toEqual([[TIMES - 5]]);
});

it('a pool that is named twice is read once', async () => {
  const poolIds = [pool.poolId, pool.poolId];
  const { presets, members } = await readPoolRows(store.database, { poolIds });
  expect(presets).toHaveLength(1);
  expect(members).toHaveLength(3);
});
