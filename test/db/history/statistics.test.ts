// Plans of a new installation: made while the tables were empty, they read all of them. They are made anew as soon as
// the planner knows how many rows there are, and it is told without waiting for autovacuum.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { keepStatistics } from '../../../src/jobs/keep-statistics.ts';
import type { Database } from '../../../src/store/database.ts';
import { findIdlePruning } from '../../../src/store/idle-chores.ts';
import { listOutgrown } from '../../../src/store/statistics.ts';
import { createFactory } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { touchedRows } from '../../support/touched-rows.ts';

/** More than are read in no time by whatever plan. */
const MANY = 220;

const COPIES = `
  insert into workspaces
  select (jsonb_populate_record(
      null::workspaces, first.copy || jsonb_build_object('id', made.id, 'name', made.id))).*
  from (select to_jsonb(w) as copy from workspaces w order by created_at limit 1) as first,
    (select gen_random_uuid() as id from generate_series(1, $1)) as made`;

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  const pool = await make.pool(await make.template({ organizationId: await make.organization() }));
  await makeReady(store, make, { pool, count: 1 });
  await store.sql(
    'prepare look as select epoch from workspaces where id = $1 and deleted_at is null for share',
  );
  await store.sql('explain execute look (null)');
});
afterAll(() => store.close());

/** By the connection that says so to the statistics, which PostgreSQL does by itself within seconds. */
const grow = async (rows: number): Promise<void> => {
  await store.sql(COPIES, [rows]);
  await store.sql('select pg_stat_force_next_flush()');
};
const keep = (): Promise<void> =>
  keepStatistics({ ...store.kit, database: store.database }, new AbortController().signal);
const outgrown = async (): Promise<readonly string[]> =>
  (await listOutgrown.all(store.database, {})).map(({ table }) => table);
const isIdle = async (): Promise<boolean> =>
  (await findIdlePruning.one(store.database, { logRetentionMs: 0, retentionMs: 0 })).idle.includes(
    'statistics',
  );
const looked = async (): Promise<number | undefined> => {
  const [{ id } = {}] = await store.sql<{ id: string }>('select id from workspaces limit 1');
  const text = `execute look ('${id}')`;
  return (await touchedRows(store, { text, parameters: [] }, {})).get('workspaces');
};

it('a table that has outgrown what the planner knows is looked at, and plans are made anew', async () => {
  expect(await outgrown()).not.toContain('workspaces');
  await grow(MANY);
  expect(await looked()).toBeGreaterThanOrEqual(MANY);
  expect(await outgrown()).toContain('workspaces');
  expect(await isIdle()).toBe(false);
  await keep();
  expect(await outgrown()).not.toContain('workspaces');
  expect(await isIdle()).toBe(true);
  expect(await looked()).toBe(1);
});

it('it is looked at again when it has five times the rows, and no sooner', async () => {
  await grow(3 * MANY);
  expect(await outgrown()).not.toContain('workspaces');
  await grow(2 * MANY);
  expect(await outgrown()).toContain('workspaces');
  await keep();
  expect(await outgrown()).not.toContain('workspaces');
});

it('a table of another name is looked at, and one that cannot be keeps none from it', async () => {
  await store.sql('create table "a""b" as select from generate_series(1, 1000)');
  await store.sql('create table zzz as select from generate_series(1, 1000)');
  await store.sql('select pg_stat_force_next_flush()');
  const refusing: Database = {
    ...store.database,
    query: (query) =>
      query.text.includes('a""b') ? Promise.reject(new Error('no')) : store.database.query(query),
  };
  const warn = vi.fn();
  const log = { ...store.kit.log, warn };
  await keepStatistics({ log, database: refusing }, new AbortController().signal);
  expect(warn.mock.calls).toMatchObject([['statistics.failed', { table: '"a""b"' }]]);
  expect(await outgrown()).toEqual(['"a""b"']);
  await keep();
  expect(await outgrown()).toEqual([]);
});
