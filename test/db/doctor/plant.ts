// One fault for every check, planted by hand in a world where nothing is wrong. What a constraint
// refuses is planted with the constraint taken away.
import type { Counter } from '../../../src/store/counter.ts';

const SYSTEM = `'00000000-0000-7000-8000-000000000001'`;
/** A member that runs. */
const RUNNING = `(select workspace_id from pool_members where running_since is not null
  order by workspace_id limit 1)`;
/** Claimed, with the build that handed it over. */
const CLAIMED = `(select workspace_id from claims where outcome = 'hit' limit 1)`;
const DELETED = `(select id from workspaces where deleted_at is not null limit 1)`;
const without = (table: string, constraint: string): string =>
  `alter table ${table} drop constraint ${constraint} cascade`;

/** Of who has claimed one of its prebuilds already. */
const waiter = (name: string): string => `
  insert into waiters (id, organization_id, template_id, pool_id, user_id, name, priority, parameters,
    miss_reason, created_at, deadline_at)
  select gen_random_uuid(), organization_id, template_id, pool_id, user_id, ${name}, 0, '{}', 'empty',
    standby_now(), standby_now() + interval '1 hour'
  from claims where outcome = 'hit'`;

/** Statements, by the id of the check that must find what they did. */
export const PLANTS: Readonly<Record<string, readonly string[]>> = {
  'claim.twice': [
    `insert into claims (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch,
       outcome, stage_ms, at)
     select gen_random_uuid(), organization_id, template_id, user_id, pool_id, workspace_id,
       epoch + 1, outcome, stage_ms, at
     from claims where outcome = 'hit'`,
  ],
  'build.cost': [`update builds set daily_cost = 7 where workspace_id = ${CLAIMED}`],
  'waiter.name': [
    'alter table waiters disable trigger waiters_taken_name',
    waiter(`(select name from workspaces where id = ${CLAIMED})`),
    'alter table waiters enable trigger waiters_taken_name',
  ],
  'waiter.served': [
    waiter(`'other'`),
    `update waiters set ended_at = standby_now(), outcome = 'served',
       workspace_id = (select id from workspaces where origin = 'user' limit 1)`,
  ],
  'waiter.unproven': [
    waiter(`'other'`),
    `update waiters set workspace_id = (select id from workspaces where origin = 'user' limit 1)`,
  ],
  'waiter.overdue': [
    waiter(`'other'`),
    `update waiters set created_at = standby_now() - interval '2 hours',
       deadline_at = standby_now() - interval '1 hour'`,
  ],
  'waiter.overlooked': [
    waiter(`'other'`),
    `update waiters set created_at = standby_now() - interval '10 minutes'`,
    `update pool_members set running_since = standby_now() - interval '10 minutes'
     where workspace_id = ${RUNNING}`,
  ],
  'claim.owner': [
    `update claims set user_id = (select id from users where username like 'other%') where outcome = 'hit'`,
  ],
  'claim.epoch': [`update workspaces set epoch = 0 where origin = 'user'`],
  'claim.unsettled': [
    `update claims set outcome = 'taken', at = standby_now() - interval '2 hours' where outcome = 'hit'`,
  ],
  'claim.void': [`update claims set outcome = 'void' where outcome = 'hit'`],
  'claim.unrecorded': [`delete from claims where outcome = 'hit'`],
  'claim.outcome': [`update claims set outcome = 'failed' where outcome = 'hit'`],
  'claim.touched': [
    `update builds set initiator_id = ${SYSTEM} where workspace_id = ${CLAIMED} and number > 1`,
  ],
  'member.gone': [`update workspaces set deleted_at = standby_now() where id = ${RUNNING}`],
  'member.missing': [`delete from pool_members where workspace_id = ${RUNNING}`],
  'member.build': [`update pool_members set build_number = 7 where workspace_id = ${RUNNING}`],
  'member.origin': [
    `update builds set preset_id = null where number = 1 and workspace_id = ${RUNNING}`,
  ],
  'member.age': [
    `update pool_members set born_at = born_at - interval '1 hour' where workspace_id = ${RUNNING}`,
  ],
  'member.readiness': [
    `update pool_members set ready = false, unready_since = null where workspace_id = ${RUNNING}`,
  ],
  'workspace.forgotten': [
    `update jobs set attempt = 0, acquired_at = null, heartbeat_at = null
     where id in (select job_id from builds where workspace_id = ${DELETED} and transition = 'delete')`,
  ],
  'job.forgotten': [`delete from builds where workspace_id = ${DELETED}`],
  'life.due': [
    `update workspaces set lifetime_ends_at = standby_now() + interval '1 hour', due_at = null
     where id = ${CLAIMED}`,
  ],
  'workspace.name_twice': [
    'drop index workspaces_owner_id_name_key',
    `update workspaces set name = 'same' where owner_id <> ${SYSTEM}`,
    `update workspaces set owner_id = (select user_id from claims where outcome = 'hit')
     where owner_id <> ${SYSTEM}`,
  ],
  'workspace.name_reserved': [`update workspaces set name = 'prebuild-x' where id = ${CLAIMED}`],
  'workspace.state_left': [
    `insert into workspace_states
       (workspace_id, number, lock_number, incarnation, sequence, key_id, sealed, created_at)
     select ${DELETED}, 1, 1, 1, 1, id, '\\x00', standby_now() from data_keys`,
  ],
  'session.stale': [
    `insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
     select gen_random_uuid(), id, workspace_id, 5, sha256('x'), standby_now()
     from agents limit 1`,
  ],
  'agent.epoch': [`update agents set applied_epoch = 9`],
  'build.gap': [`update builds set number = 9 where workspace_id = ${CLAIMED} and number > 1`],
  'build.overtaken': [
    `update jobs set completed_at = null, succeeded = false
     where id in (select job_id from builds where workspace_id = ${CLAIMED} and number = 1)`,
  ],
  'job.status': [
    'alter table jobs alter column status drop expression',
    `update jobs set status = 'pending' where id in (select job_id from builds where workspace_id = ${CLAIMED})`,
  ],
  'judged.wrong': [`update judged_builds set failed = false where failed`],
  'judged.missing': [`delete from judged_builds`],
  'judged.many': [
    `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
     select pool_id, gen_random_uuid(), preset_id, created_at, completed_at, failed
     from (select * from judged_builds limit 1) as one, generate_series(1, 200)`,
  ],
  'rehearsal.stranded': [
    `insert into rehearsals (preset_id, workspace_id)
     select preset_id, workspace_id from pool_members where workspace_id = ${RUNNING}`,
  ],
  'brakes.wrong': [
    without('pool_brakes', 'pool_brakes_trial_check'),
    `insert into pool_brakes (pool_id, preset_id, judged_since, trial_workspace_id)
     select pool_id, preset_id, standby_now(), workspace_id from pool_members limit 1
     on conflict (pool_id) do update
     set limited_at = null, trial_at = null, cooldown_ms = null,
       trial_workspace_id = excluded.trial_workspace_id`,
  ],
  'preset.pool': [`update pools set preset_name = 'another'`],
  'preset.refused': [`update presets set status = 'validation_failed', validation_error = 'x'`],
  'template.active': [
    `update jobs set completed_at = null, succeeded = false where type = 'template_version_import'`,
  ],
  'counter.behind': ['truncate counter_totals, counter_steps'],
  'system.user': [`update users set status = 'suspended' where is_system`],
  'brakes.stale': [
    `update pool_brakes set limited_at = standby_now() - interval '10 minutes',
       trial_at = standby_now(), cooldown_ms = 60000`,
    `update judged_builds set failed = false, completed_at = standby_now() - interval '10 minutes'`,
  ],
  'delete.stuck': [
    `update builds set transition = 'delete', stage = 'none' where workspace_id = ${RUNNING}`,
    `insert into builds (id, workspace_id, number, transition, version_id, initiator_id, reason,
       stage, job_id, created_at)
     select gen_random_uuid(), workspace_id, number + n, 'delete', version_id, initiator_id, reason,
       'none', gen_random_uuid(), created_at
     from builds, generate_series(1, 2) as n
     where workspace_id = ${RUNNING}`,
    `update jobs set error = 'no', error_code = 'no', succeeded = false
     where id = (select job_id from pool_members where workspace_id = ${RUNNING})`,
    `update pool_members set transition = 'delete', running_since = null, ready = false
     where workspace_id = ${RUNNING}`,
  ],
  'stray.open': [
    `insert into stray_states
       (id, workspace_id, lock_number, incarnation, sequence, key_id, sealed, created_at)
     select gen_random_uuid(), ${CLAIMED}, 1, 1, 1, id, '\\x00', standby_now() - interval '2 hours'
     from data_keys`,
  ],
  'secret_parameters.left': [
    `insert into secret_parameters (id, workspace_id, names, key_id, sealed, created_at)
     select gen_random_uuid(), ${DELETED}, '{token}', id, '\\x00', standby_now()
     from data_keys`,
    `update workspaces set deleted_at = standby_now() - interval '40 days'
     where id = ${DELETED}`,
  ],
  'job.silent': [
    `update jobs set completed_at = null, succeeded = false,
       heartbeat_at = standby_now() - interval '2 hours'
     where id in (select job_id from builds where workspace_id = ${CLAIMED})`,
  ],
  'daemon.none': [
    `update jobs set completed_at = null, succeeded = false, acquired_at = null,
       heartbeat_at = null, created_at = standby_now() - interval '2 minutes'
     where id in (select job_id from builds where workspace_id = ${CLAIMED})`,
  ],
  'idempotency_key.left': [
    `insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
     select ${SYSTEM}, 'k', '\\x00', ${CLAIMED}, standby_now() - interval '3 days'`,
  ],
  'membership.missing': [`delete from memberships where user_id = ${SYSTEM}`],
  'schema.invalid': [
    'alter table jobs add constraint jobs_another_check check (attempt < 1000) not valid',
  ],
};

const uncounted = (counter: Counter): readonly string[] => [
  `delete from counter_totals where counter = '${counter}'`,
  `delete from counter_steps where counter = '${counter}'`,
];

/** Statements, by the counter that is behind what they leave. */
export const COUNTER_PLANTS: Readonly<Record<Counter, readonly string[]>> = {
  prebuilds_created: uncounted('prebuilds_created'),
  prebuilds_failed: uncounted('prebuilds_failed'),
  prebuilds_claimed: uncounted('prebuilds_claimed'),
  claims_missed: uncounted('claims_missed'),
  claims_voided: [`update claims set outcome = 'void' where outcome = 'hit'`],
  resource_replacements: [
    `update builds set replaced = '[{"address": "a.b", "action": "replace", "paths": []}]'
     where stage = 'claim'`,
  ],
  waits_ended: [
    waiter(`'other'`),
    `update waiters set ended_at = standby_now(), outcome = 'canceled'`,
  ],
  builds_enqueued: uncounted('builds_enqueued'),
};
