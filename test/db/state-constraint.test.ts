// The states of the domain are those that the database admits, and jobs get the status in SQL that
// the domain derives.
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JOB_STATUSES, JOB_TYPES, STAGES, TRANSITIONS } from '../../src/domain/job/job.ts';
import { deriveJobStatus, type JobFacts } from '../../src/domain/job/status.ts';
import { PRESET_STATUSES } from '../../src/domain/pool/snapshot.ts';
import { NAME_PATTERN } from '../../src/domain/name/name.ts';
import { WAIT_OUTCOMES } from '../../src/domain/waiter/outcome.ts';
import { statesOf } from '../../src/domain/state.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client(database.connection);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.close();
});

/** The texts in quotes in a rule for rows: a CHECK constraint, or what the function of a table's CHECK calls so. */
async function readRule(name: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ definition: string }>(
    `select pg_get_constraintdef(oid) as definition from pg_constraint where conname = $1
     union all
     select part[1] from pg_proc,
       regexp_matches(prosrc, format('when ((?:(?!\\mthen\\M).)*)\\mthen ''%s''', $1::text)) as part
     where proname like 'check\\_%'`,
    [name],
  );
  expect(rows, `rule ${name}`).toHaveLength(1);
  return [...(rows[0]?.definition ?? '').matchAll(/'([^']*)'/g)].map(([, text]) => text ?? '');
}

describe('a rule for rows', () => {
  it.each<[string, readonly string[]]>([
    ['jobs_type_check', statesOf(JOB_TYPES)],
    ['builds_transition_check', statesOf(TRANSITIONS)],
    ['builds_stage_check', statesOf(STAGES)],
    ['pool_members_transition_check', statesOf(TRANSITIONS)],
    ['presets_status_check', statesOf(PRESET_STATUSES)],
    ['waiters_outcome_check', statesOf(WAIT_OUTCOMES)],
  ])('%s admits the states of the domain and no other', async (name, states) => {
    expect([...(await readRule(name))].sort()).toEqual([...states].sort());
  });

  it.each([
    'organizations_name_check',
    'users_username_check',
    'templates_name_check',
    'workspaces_name_check',
    'waiters_name_check',
  ])('%s has the rule for names', async (name) => {
    expect(await readRule(name)).toEqual([NAME_PATTERN.source]);
  });
});

describe('the status of a job in the database', () => {
  it('is the one that the domain derives, for every combination', async () => {
    // Without the constraints of the table, which refuse the impossible ones.
    await client.query(
      'create temp table every_job (like jobs including defaults including generated)',
    );
    const { rows } = await client.query<JobFacts & { readonly status: string }>(`
      insert into every_job (id, type, organization_id, driver, tags, initiator_id, class, attempt,
        created_at, completed_at, error, canceled_at, acquired_at, succeeded)
      select gen_random_uuid(), 'workspace_build', gen_random_uuid(), 'null', '{}', gen_random_uuid(),
        4, 0, now(), case when completed then now() end, case when failed then 'error' end,
        case when canceled then now() end, case when acquired then now() end, succeeded
      from (values (true), (false)) a (completed), (values (true), (false)) b (failed),
        (values (true), (false)) c (canceled), (values (true), (false)) d (acquired),
        (values (true), (false)) e (succeeded)
      returning completed_at is not null as completed, error is not null as failed,
        canceled_at is not null as canceled, acquired_at is not null as acquired, succeeded, status`);
    expect(rows).toHaveLength(32);
    // Not admitted by the table: an end without a cause.
    const possible = rows.filter(
      (row) => !row.completed || row.failed || row.canceled || row.succeeded,
    );
    for (const { status, ...facts } of possible) {
      expect({ ...facts, status }).toEqual({ ...facts, status: deriveJobStatus(facts) });
    }
    expect(new Set(possible.map((row) => row.status))).toEqual(new Set(statesOf(JOB_STATUSES)));
  });
});
