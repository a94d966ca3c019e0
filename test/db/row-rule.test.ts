// Each rule in the functions that look at the rows of a table refuses what breaks it, by its name
// (docs/adr/0021-rules-of-a-row-are-one-function.md).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserId } from '../../src/base/id.ts';
import { createFactory } from '../support/factory.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
type Row = 'job' | 'build' | 'unclaimed' | 'owned';
let rows: Readonly<Record<Row, { readonly table: string; readonly where: string }>>;
let user: UserId;

beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  const pool = await make.pool(await make.template({ organizationId: await make.organization() }));
  const { workspaceId, jobId } = await make.prebuild(pool);
  user = await make.user({ organizationId: pool.organizationId });
  const owned = await make.workspace(pool, { ownerId: user });
  rows = {
    job: { table: 'jobs', where: `id = '${jobId}'` },
    build: { table: 'builds', where: `job_id = '${jobId}'` },
    unclaimed: { table: 'workspaces', where: `id = '${workspaceId}'` },
    owned: { table: 'workspaces', where: `id = '${owned.workspaceId}'` },
  };
});
afterAll(() => store.close());

/** The broken rule, or that there is none. As a dump is restored: what a rule names is not looked for anywhere. */
async function tryTo(row: Row, set: string): Promise<unknown> {
  const { table, where } = rows[row];
  const update = `update public.${table} set ${set.replace('{user}', `'${user}'`)} where ${where}`;
  const block = `set local search_path = ''; ${update}; raise exception 'admitted'`;
  return store.sql(`do $$ begin ${block}; end $$`).catch((error: unknown) => {
    const { constraint, message } = error as { constraint?: string; message: string };
    return constraint ?? message;
  });
}

const BROKEN: readonly (readonly [row: Row, rule: string, set: string])[] = [
  ['job', 'jobs_type_check', `type = 'x'`],
  ['job', 'jobs_class_check', 'class = 5'],
  ['job', 'jobs_attempt_check', 'attempt = -1'],
  ['job', 'jobs_acquired_check', 'acquired_at = now(), heartbeat_at = now()'],
  ['job', 'jobs_daemon_check', 'daemon_id = gen_random_uuid()'],
  ['job', 'jobs_heartbeat_check', 'heartbeat_at = now()'],
  ['job', 'jobs_canceling_check', 'canceled_at = now()'],
  ['job', 'jobs_overran_check', 'overran = true'],
  ['job', 'jobs_error_check', `error = 'x', error_code = 'x'`],
  ['job', 'jobs_error_code_check', `error_code = 'x'`],
  ['job', 'jobs_succeeded_check', 'succeeded = true'],
  ['job', 'jobs_completed_check', 'completed_at = now()'],
  ['job', 'jobs_log_pruned_check', 'log_pruned_at = now()'],
  ['build', 'builds_number_check', 'number = 0'],
  ['build', 'builds_transition_check', `transition = 'x'`],
  ['build', 'builds_stage_check', `stage = 'x'`],
  ['build', 'builds_stage_number_check', 'number = 2'],
  ['build', 'builds_daily_cost_check', 'daily_cost = -1'],
  ['build', 'builds_replaced_check', `replaced = '[1]'`],
  ['build', 'builds_secret_outputs_check', `secret_outputs = 'x'`],
  ['owned', 'workspaces_name_check', `name = 'A b'`],
  ['owned', 'workspaces_origin_check', `origin = 'x'`],
  ['owned', 'workspaces_epoch_check', 'epoch = -1'],
  ['owned', 'workspaces_automatic_updates_check', `automatic_updates = 'x'`],
  ['owned', 'workspaces_voided_at_check', 'voided_at = now()'],
  ['owned', 'workspaces_autostart_check', `autostart_timezone = 'UTC'`],
  ['owned', 'workspaces_ttl_seconds_check', 'ttl_seconds = 59'],
  ['owned', 'workspaces_idle_stop_seconds_check', 'idle_stop_seconds = 59'],
  ['owned', 'workspaces_dormant_after_seconds_check', 'dormant_after_seconds = 59'],
  ['owned', 'workspaces_delete_dormant_after_seconds_check', 'delete_dormant_after_seconds = 59'],
  ['owned', 'workspaces_deadline_at_check', `deadline_at = now(), lifetime_ends_at = '-infinity'`],
  ['owned', 'workspaces_due_at_check', 'due_at = now(), deleted_at = now()'],
  ['owned', 'workspaces_start_refusal_check', 'start_refused_at = now()'],
  ['unclaimed', 'workspaces_pool_check', 'pool_id = null'],
  ['unclaimed', 'workspaces_claimed_check', 'owner_id = {user}'],
  ['unclaimed', 'workspaces_unclaimed_check', 'dormant_at = now()'],
  ['unclaimed', 'workspaces_unclaimed_life_check', 'due_at = now()'],
  ['unclaimed', 'workspaces_unclaimed_rest_check', 'idle_stop_seconds = 60'],
];

describe('a rule for rows', () => {
  it.each(BROKEN)('of a %s: %s', async (row, rule, set) => {
    expect(await tryTo(row, set)).toBe(rule);
  });

  it.each([
    ['job', 'attempt = 1'],
    ['build', 'daily_cost = 0'],
    ['owned', 'ttl_seconds = 60'],
    ['unclaimed', 'updated_at = now()'],
  ] as const)('admits a %s that breaks none', async (row, set) => {
    expect(await tryTo(row, set)).toBe('admitted');
  });

  it('is broken by one of these, whichever it is', async () => {
    const found = await store.sql<{ rule: string }>(
      `select name[1] as rule from pg_proc, regexp_matches(prosrc, '''(\\w+_check)''', 'g') as name
       where proname in ('check_workspace', 'check_job', 'check_build')`,
    );
    expect(found.map(({ rule }) => rule).sort()).toEqual(BROKEN.map(([, rule]) => rule).sort());
  });
});
