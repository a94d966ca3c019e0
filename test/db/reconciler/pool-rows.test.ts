// What is read of pools that are looked at, as one is behind every claim.
import { afterAll, beforeAll, expect, it } from 'vitest';
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
