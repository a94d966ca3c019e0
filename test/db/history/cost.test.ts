// What taking away costs: what is taken, whatever lies beside it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  removeOldLines,
  removeOldLoneJobs,
  removeOldMisses,
  removeOldPoolEvents,
  removeOldWorkspaces,
} from '../../../src/store/history.ts';
import { dropOldIdempotencyKeys } from '../../../src/store/idempotency-key.ts';
import { removeUnneeded } from '../../../src/store/secret-parameters.ts';
import type { Statement } from '../../../src/store/statement.ts';
import { removeOldWaiters } from '../../../src/store/waiter-end.ts';
import { createFactory } from '../../support/factory.ts';
import { seedHistory } from '../../support/history.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { touchedRows } from '../../support/touched-rows.ts';

const HISTORY = 20_000;
const LIMIT = 50;
const RETENTION = { retentionMs: 20 * 86_400_000 };

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  const organizationId = await make.organization();
  const userId = await make.user({ organizationId });
  const pool = await make.pool(await make.template({ organizationId }));
  await seedHistory(store, pool, { workspaces: HISTORY, versions: 10 });
  await store.sql(
    `insert into job_logs (job_id, attempt, seq, at, level, line)
     select job_id, 1, 1, standby_now(), 'info', 'x' from builds`,
  );
  // Of both the last hundred are too old.
  const within = `standby_now() - n * interval '24 hours' / ${HISTORY - 100}`;
  await store.sql(
    `insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
     select $1, n::text, '', last.id, ${within}
     from generate_series(1, $2::integer) as n
     join (
       select id, row_number() over (order by deleted_at desc) as place from workspaces
     ) as last on last.place = 1 + n % 5000`,
    [userId, HISTORY],
  );
  await store.sql(
    `insert into waiters (id, organization_id, template_id, pool_id, user_id, name, priority, parameters,
       miss_reason, created_at, deadline_at, ended_at, outcome)
     select gen_random_uuid(), $1, $2, $3, $4, 'w' || n, 0, '{}', 'empty', ${within}, standby_now(), ${within},
       'canceled'
     from generate_series(1, $5::integer) as n`,
    [organizationId, pool.templateId, pool.poolId, userId, HISTORY],
  );
  const at = `standby_now() - interval '30 days' + n * interval '1 minute'`;
  await store.sql(
    `insert into claims (id, organization_id, template_id, user_id, pool_id, outcome, reason, stage_ms, at)
     select gen_random_uuid(), $1, $2, $3, $4, 'miss', 'empty', '{}', ${at}
     from generate_series(1, $5::integer) as n`,
    [organizationId, pool.templateId, userId, pool.poolId, HISTORY],
  );
  await store.sql(
    `insert into pool_events (id, pool_id, kind, at)
     select (lpad(to_hex(floor(extract(epoch from ${at}) * 1000)::bigint), 12, '0')
       || '70008000' || lpad(to_hex(n), 12, '0'))::uuid, $1, 'missed', ${at}
     from generate_series(1, $2::integer) as n`,
    [pool.poolId, HISTORY],
  );
  await store.sql(
    `insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at, acquired_at,
       heartbeat_at, completed_at, attempt, succeeded)
     select gen_random_uuid(), 'stray_cleanup', $1, 'null', $2, 3, ${at}, ${at}, ${at}, ${at}, 1, true
     from generate_series(1, $3::integer) as n`,
    [organizationId, userId, HISTORY / 10],
  );
  const daemonId = await make.daemon({ keyId: await make.key() });
  await store.sql(
    `insert into state_locks (workspace_id, number, job_id, attempt, daemon_id, taken_at)
     select workspace_id, 1, job_id, 1, $1, created_at from builds`,
    [daemonId],
  );
  await store.sql('analyze');
}, 60_000);
afterAll(() => store.close());

it.each<readonly [string, Statement<never, never>, object]>([
  ['lines', removeOldLines as never, { workspaces: LIMIT, limit: LIMIT }],
  ['workspaces', removeOldWorkspaces as never, { limit: LIMIT }],
  ['jobs', removeOldLoneJobs as never, { limit: LIMIT }],
  ['misses', removeOldMisses as never, { limit: LIMIT }],
  ['events', removeOldPoolEvents as never, { limit: LIMIT }],
  ['keys', dropOldIdempotencyKeys as never, { limit: LIMIT }],
  ['waiters', removeOldWaiters as never, { limit: LIMIT }],
])('%s are found and taken away without a look at others', async (_, statement, given) => {
  const args: Readonly<Record<string, number>> = { ...RETENTION, ...given };
  // It is planned once, for whatever limit and time.
  await store.sql(`prepare asked as ${statement.text}`);
  const text = `execute asked (${statement.parameters.map((name) => args[name]).join(', ')})`;
  await store.sql('begin');
  if (statement.name === removeOldWorkspaces.name) {
    await store.sql(
      `delete from job_logs where job_id in (
         select job_id from builds b join workspaces w on w.id = b.workspace_id
         where w.deleted_at < standby_now() - interval '25 days')`,
    );
  }
  const before = await countAll();
  const touched = await touchedRows(store, { text, parameters: [] }, {});
  const after = await countAll();
  await store.sql('rollback');
  await store.sql('deallocate asked');
  expect(before - after).toBeGreaterThanOrEqual(LIMIT);
  const tooMany = [...touched].filter(([, rows]) => rows > LIMIT * 4);
  expect(tooMany).toEqual([]);
});

it('values of sensitive parameters that are kept cost a look at one build each', async () => {
  const living = 2_000;
  await store.sql('begin');
  await store.sql(
    `update workspaces set deleted_at = null
     where id in (select id from workspaces where deleted_at is not null order by id limit $1)`,
    [living],
  );
  await store.sql(
    `insert into secret_parameters (id, workspace_id, names, key_id, sealed, created_at)
     select gen_random_uuid(), w.id, '{token}', k.id, '', w.created_at
     from workspaces w, data_keys k
     where w.deleted_at is null`,
  );
  await store.sql(
    `update builds b set secret_parameters_id = p.id
     from secret_parameters p where p.workspace_id = b.workspace_id`,
  );
  await store.sql('analyze secret_parameters, workspaces, builds');
  await store.sql(`prepare asked as ${removeUnneeded.text}`);
  const asked = { text: 'execute asked (200)', parameters: [] };
  const touched = await touchedRows(store, asked, {});
  await store.sql('rollback');
  await store.sql('deallocate asked');
  expect(touched.get('builds')).toBeGreaterThanOrEqual(living);
  // What the few are compared with that go is looked up by their keys.
  expect(touched.get('builds')).toBeLessThanOrEqual(living + LIMIT);
  expect(touched.get('jobs')).toBe(0);
});

async function countAll(): Promise<number> {
  const [row] = await store.sql<{ readonly count: number }>(
    `select ((select count(*) from workspaces) + (select count(*) from jobs)
       + (select count(*) from job_logs) + (select count(*) from claims)
       + (select count(*) from pool_events) + (select count(*) from idempotency_keys)
       + (select count(*) from waiters))::integer as count`,
  );
  return row!.count;
}

it('every key to what is taken away has an index, by which PostgreSQL checks it', async () => {
  const taken = `'{workspaces, builds, jobs, claims, agents, state_locks, secret_parameters}'::text[]`;
  const without = await store.sql(
    `select k.conrelid::regclass::text as table, k.conname
     from pg_constraint k
     where k.contype = 'f'
       and k.confrelid::regclass::text = any (${taken})
       and not exists (
         select
         from pg_index i
         where i.indrelid = k.conrelid
           and i.indpred is null
           and i.indkey[0] = any (k.conkey))`,
  );
  expect(without).toEqual([]);
});
