// What the snapshot costs: a fixed number of statements, and rows of what is alive, not of history.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId, type PoolId } from '../../../src/base/id.ts';
import { createLease } from '../../../src/reconciler/lease.ts';
import { runPass, type PassDeps } from '../../../src/reconciler/pass.ts';
import { explainMiss } from '../../../src/store/claim.ts';
import { lockCreationBudget, readCreationBudget } from '../../../src/store/creation-budget.ts';
import type { Database } from '../../../src/store/database.ts';
import {
  readAllJudged,
  readAllMembers,
  readAllPresets,
  readMoment,
  readPoolRows,
  readRowsOfPools,
} from '../../../src/store/pool-row.ts';
import { lockPendingStarts, takeForDelete } from '../../../src/store/prebuild.ts';
import { asJson, type Query, type Statement } from '../../../src/store/statement.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { seedHistory } from '../../support/history.ts';
import { reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { touchedRows } from '../../support/touched-rows.ts';

let store: TestStore;
let make: Factory;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
});
afterAll(() => store.close());

/** The database with every statement noted, those that begin and end a transaction among them. */
function watched(database: Database): { readonly database: Database; readonly seen: string[] } {
  const seen: string[] = [];
  const noted = (query: Query): Query => {
    seen.push(query.name);
    return query;
  };
  return {
    seen,
    database: {
      ...database,
      query: (query) => database.query(noted(query)),
      transaction: (work, options) => {
        seen.push('begin', 'commit');
        return database.transaction(
          (tx) => work({ ...tx, query: (query) => tx.query(noted(query)) }),
          options,
        );
      },
    },
  };
}

/** On one connection: what asked for a second one beside it would wait for ever. */
async function runWatchedPass() {
  const { database, seen } = watched(store.open(1));
  const queued: PoolId[] = [];
  const lease = createLease(
    { kit: store.kit, database, onTaken: () => undefined },
    { name: 'reconciler', holder: createId(store.kit), ttlMs: 60_000, takeAtOnce: true },
  );
  const deps: PassDeps = {
    ...store.kit,
    database,
    lease,
    queue: {
      run: (poolId) => {
        queued.push(poolId);
        return Promise.resolve({ kind: 'stopped' });
      },
    },
    onSettled: () => undefined,
  };
  const result = await runPass(deps, RECONCILER_OPTIONS, new AbortController().signal);
  return { result, seen, queued };
}

describe('the snapshot', () => {
  it('takes the same few statements for one preset and for fifty', async () => {
    const organizationId = await make.organization();
    const template = await make.template({ organizationId });
    const first = await make.pool(template, { desired: 2 });
    await reconcileNow(store, first.poolId);
    const one = await runWatchedPass();
    expect(one.result).toMatchObject({ presets: 1, reconciled: 0 });
    for (let n = 0; n < 49; n++) {
      const pool = await make.pool(template, { desired: 1 });
      if (n % 2 === 0) await reconcileNow(store, pool.poolId);
    }
    const fifty = await runWatchedPass();
    expect(fifty.result).toMatchObject({ presets: 50, reconciled: 24 });
    expect(fifty.queued).toHaveLength(24);
    expect(fifty.seen).toEqual(one.seen);
    expect(one.seen.length).toBeLessThanOrEqual(10);
  });
});

describe('a reconcile', () => {
  it('asks no more than it has to: for nothing to do, and for one prebuild to make', async () => {
    const organizationId = await make.organization();
    const pool = await make.pool(await make.template({ organizationId }), { desired: 1 });
    // The first one stores what is never stored again.
    await reconcileNow(store, pool.poolId);
    const database = countStatements(store.database);
    await reconcileNow({ ...store, database }, pool.poolId);
    const read = ['pool.lock', 'pool.read'];
    expect(database.take()).toEqual({ statements: read, transactions: 1 });
    await store.sql('update presets set desired_instances = 2 where id = $1', [pool.presetId]);
    await reconcileNow({ ...store, database }, pool.poolId);
    expect(database.take()).toEqual({
      statements: [
        ...read,
        'preset.read_sources',
        'creation_budget.lock',
        'creation_budget.read',
        'workspace.insert',
        'build.insert',
        'pool_member.insert',
        'pool_event.insert',
      ],
      transactions: 1,
    });
  });
});

/** Tables that keep what is over. */
const HISTORY_TABLES = ['workspaces', 'builds', 'jobs', 'agents', 'presets', 'template_versions'];

describe('with a long history behind the pools', () => {
  const LIVE = 600;
  const HISTORY = 20_000;
  let pool: TestPool;

  beforeAll(async () => {
    const organizationId = await make.organization();
    const agent = { name: 'main', startup: null, on_claim: null };
    const times = { startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 };
    const manifest = { agents: [{ ...agent, ...times }] };
    const template = await make.template({ organizationId, manifest });
    pool = await make.pool(template, { desired: LIVE });
    await seedHistory(store, pool, { workspaces: HISTORY, versions: 300 });
    await reconcileNow(store, pool.poolId);
    await letRun(LIVE - 10);
    await store.sql('analyze');
  }, 120_000);

  /** The starts of so many have succeeded, and their agents are ready. */
  const letRun = (count: number) =>
    store.sql(
      `with started as (
         update jobs
         set acquired_at = standby_now(), heartbeat_at = standby_now(), attempt = 1,
           completed_at = standby_now(), succeeded = true
         where id in (select job_id from pool_members where pool_id = $1 order by job_id limit $2)
         returning id
       ), seen as (
         update agents set lifecycle = 'ready', last_seen_at = standby_now()
         where workspace_id in (select workspace_id from pool_members where pool_id = $1)
       )
       update pool_members
       set running_since = standby_now(), born_at = standby_now(), ready = true
       from started
       where job_id = started.id`,
      [pool.poolId, count],
    );

  type Run = readonly [Statement<never, never>, object];

  const statements = (): readonly Run[] => {
    const poolIds = [pool.poolId];
    const { organizationId, poolId, presetId } = pool;
    const given = [
      [readMoment, {}],
      [readAllPresets, {}],
      [readAllMembers, {}],
      [readAllJudged, {}],
      [readRowsOfPools, { poolIds }],
      [lockCreationBudget, { organizationId }],
      [readCreationBudget, { organizationId, poolIds: [poolId] }],
      [lockPendingStarts, { presetId, limit: 5 }],
      [takeForDelete, { rows: asJson([]) }],
    ] as const;
    return given as unknown as readonly Run[];
  };

  const touchedBy = ([statement, args]: Run): Promise<Map<string, number>> =>
    touchedRows(store, statement, args);

  it('no statement of a reconcile reads more than what is alive', async () => {
    const tooMany: string[] = [];
    for (const run of statements()) {
      for (const [table, rows] of await touchedBy(run)) {
        // Some steps look at a row more than once.
        if (HISTORY_TABLES.includes(table) && rows > LIVE * 5)
          tooMany.push(`${run[0].name} read ${rows} rows of ${table}`);
      }
    }
    expect(tooMany).toEqual([]);
  });

  it('a pass looks at the agents of each that is ready once', async () => {
    const touched = await touchedBy([readAllMembers, {}] as unknown as Run);
    expect(touched.get('agents')).toBe(LIVE - 10);
  });

  it('no statement about one pool reads the members of others', async () => {
    const { presetId, poolId } = await make.pool(pool, { desired: 2 });
    await reconcileNow(store, poolId);
    await store.sql('analyze');
    const about = [
      [readRowsOfPools, { poolIds: [poolId] }],
      [lockPendingStarts, { presetId, limit: 5 }],
      [explainMiss, { presetId }],
    ] as unknown as readonly Run[];
    const read: unknown[] = [];
    for (const run of about) read.push((await touchedBy(run)).get('pool_members'));
    expect(read).toEqual([2, 2, 2]);
  });

  it('a turn decides from the same rows as a pass', async () => {
    const { database } = store;
    await store.sql(`update pools set last_invalidated_at = '-infinity' where id = $1`, [
      pool.poolId,
    ]);
    await store.sql(
      `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
       select pool_id, workspace_id, preset_id, standby_now(), standby_now(), true
       from pool_members where pool_id = $1 limit 3
       on conflict do nothing`,
      [pool.poolId],
    );
    const sorted = <Row extends { readonly poolId: PoolId }>(rows: readonly Row[]): unknown =>
      rows
        .filter(({ poolId }) => poolId === pool.poolId)
        .map((row) => [JSON.stringify(row), row] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, row]) => row);
    const { presets, members, judged } = await readPoolRows(database, { poolIds: [pool.poolId] });
    expect(members).toHaveLength(LIVE);
    expect(judged.length).toBeGreaterThan(0);
    expect(sorted(presets)).toEqual(sorted(await readAllPresets.all(database, {})));
    expect(sorted(members)).toEqual(sorted(await readAllMembers.all(database, {})));
    expect(sorted(judged)).toEqual(sorted(await readAllJudged.all(database, {})));
  });
});
