// What must hold of builds, jobs, pools and what is counted of them, whenever nobody is in the middle
// of a transaction.
import { NOT_THE_TEMPLATES } from '../../domain/job/failure.ts';
import { KEPT_PER_POOL } from '../judged-build.ts';
import { IS_STRANDED } from '../rehearsal.ts';
import { PREBUILDS_USER_ID } from '../system-user.ts';
import { check, REPORT, type Check } from './check.ts';

const SYSTEM = `'${PREBUILDS_USER_ID}'`;
const NOT_JUDGED = NOT_THE_TEMPLATES.map((code) => `'${code}'`).join(', ');

export const POOL_INVARIANTS: readonly Check[] = [
  check({
    id: 'build.gap',
    title: 'the builds of a workspace are not numbered one after the other',
    remedy: `Builds were taken away by hand. ${REPORT}`,
    sql: `
      select workspace_id::text
      from builds
      group by workspace_id
      having max(number) <> count(*)`,
  }),
  check({
    id: 'job.forgotten',
    title: "a build's job is left, and the build is not",
    remedy: `Builds were taken away by hand. ${REPORT}`,
    sql: `
      select j.id::text
      from jobs j
      where j.type = 'workspace_build'
        and not exists (select from builds b where b.job_id = j.id)`,
  }),
  check({
    id: 'build.overtaken',
    title: 'a build goes on although a later one of its workspace exists',
    remedy: 'Cancel its job: `standby job cancel`.',
    sql: `
      select j.id::text
      from jobs j
      join builds b on b.job_id = j.id
      where j.status in ('pending', 'running', 'canceling')
        and exists (
          select from builds later where later.workspace_id = b.workspace_id and later.number > b.number)`,
  }),
  check({
    id: 'job.status',
    title: "a job's status is not what its times and its result say",
    remedy: 'The table is damaged: `update jobs set id = id where id = …` computes it anew.',
    sql: `
      select id::text
      from jobs
      where status <> case
        when completed_at is not null and error is not null then 'failed'
        when completed_at is not null and succeeded then 'succeeded'
        when completed_at is not null then 'canceled'
        when canceled_at is not null then 'canceling'
        when acquired_at is not null then 'running'
        else 'pending'
      end`,
  }),
  check({
    id: 'judged.wrong',
    title: "a pool's record of how a first build ended is not how it ended",
    remedy:
      'Delete its row of judged_builds; `standby pool reset` clears what was decided from it.',
    sql: `
      select d.workspace_id::text
      from judged_builds d
      join workspaces w on w.id = d.workspace_id
      join builds b on b.workspace_id = w.id and b.number = 1
      join jobs j on j.id = b.job_id
      where d.pool_id is distinct from w.pool_id
        or d.preset_id is distinct from b.preset_id
        or d.created_at <> b.created_at
        or j.completed_at is null
        -- One that succeeded and turned out bad counts as failed.
        or (not d.failed and j.status <> 'succeeded')
        or (d.failed and j.status = 'canceled')`,
  }),
  check({
    id: 'judged.missing',
    title: "a pool's record has forgotten how a first build of the last day ended",
    remedy: 'Brakes may act late for this pool; the next builds fill the record again.',
    sql: `
      select w.id::text
      from workspaces w
      join builds b on b.workspace_id = w.id and b.number = 1
      join jobs j on j.id = b.job_id
      where w.origin = 'prebuild'
        -- Canaries are built outside of their pool, and not judged.
        and b.stage = 'create'
        and w.created_at > (select standby_now()) - interval '1 day'
        and (j.status = 'succeeded'
          or (j.status = 'failed' and j.error_code not in (${NOT_JUDGED})))
        and not exists (
          select from judged_builds d where d.pool_id = w.pool_id and d.workspace_id = w.id)
        and (
          select count(*)
          from judged_builds newer
          where newer.pool_id = w.pool_id
            and newer.created_at >= b.created_at) < ${KEPT_PER_POOL}`,
  }),
  check({
    id: 'judged.many',
    title: "a pool's record of first builds has grown beyond its bound",
    remedy: 'Passes get slower with it; the next build that ends cuts it.',
    // Builds that end at one moment do not see one another, and leave some more than there should be.
    sql: `
      select pool_id::text
      from judged_builds
      group by pool_id
      having count(*) > 2 * ${KEPT_PER_POOL}`,
  }),
  check({
    id: 'brakes.wrong',
    title: "a pool's brakes are about what is not the pool's, or try where nothing is limited",
    remedy: '`standby pool reset` clears them.',
    sql: `
      select k.pool_id::text
      from pool_brakes k
      left join presets p on p.id = k.preset_id
      left join workspaces w on w.id = k.trial_workspace_id
      where p.pool_id is distinct from k.pool_id
        or (k.trial_workspace_id is not null
          and (k.limited_at is null or w.pool_id is distinct from k.pool_id))`,
  }),
  check({
    id: 'rehearsal.stranded',
    title: 'a rehearsal goes on although what it waits for has ended',
    remedy:
      'The control plane ends it within `STANDBY_SWEEP_INTERVAL`, and another follows. If it stays, report it.',
    sql: `
      select r.preset_id::text
      from rehearsals r
      where ${IS_STRANDED}`,
  }),
  check({
    id: 'preset.pool',
    title: 'a preset belongs to a pool of another name or template',
    remedy: `Push and promote the version again. ${REPORT}`,
    sql: `
      select p.id::text
      from presets p
      join template_versions v on v.id = p.version_id
      join pools l on l.id = p.pool_id
      where l.template_id <> v.template_id
        or l.preset_name <> p.name`,
  }),
  check({
    id: 'preset.refused',
    title: 'a preset counts as one that cannot be built, and its parameters fit its version',
    remedy: 'Promote its version again, and it is tried once more: `standby template promote`.',
    // Found is what surely fits: a number in an unusual form is left to the pool to judge.
    sql: `
      select p.id::text
      from presets p
      join template_versions v on v.id = p.version_id
      where p.status = 'validation_failed'
        and not exists (
          select
          from jsonb_each_text(p.parameters) as given (name, value)
          left join jsonb_to_recordset(v.manifest -> 'parameters')
            as d (name text, type text, options jsonb) on d.name = given.name
          where d.name is null
            or (d.type = 'bool' and given.value not in ('true', 'false'))
            or (d.type = 'number' and given.value !~ '^-?[1-9][0-9]{0,14}$')
            or (d.options <> '[]' and not d.options ? given.value))
        and not exists (
          select
          from jsonb_to_recordset(v.manifest -> 'parameters') as d (name text, "default" text)
          where d."default" is null
            and not p.parameters ? d.name)`,
  }),
  check({
    id: 'template.active',
    title: "a template's active version was never imported",
    remedy: 'Promote a version whose import succeeded: `standby template promote`.',
    sql: `
      select t.id::text
      from templates t
      join template_versions v on v.id = t.active_version_id
      join jobs j on j.id = v.import_job_id
      where j.status <> 'succeeded'`,
  }),
  check({
    id: 'counter.behind',
    title: 'fewer were counted than there are',
    remedy:
      'A version without counters ran beside this one. Nothing is decided by them: add what is missing to counter_totals, or live with it.',
    sql: `
      with counted as (
        select counter, template_id, preset, labels, sum(amount) as amount
        from (
          -- For whom a build is, former versions told in other words than this one.
          select counter, template_id, preset, labels - 'kind' as labels, total as amount
          from counter_totals
          union all
          select counter, template_id, preset, labels - 'kind', amount
          from counter_steps
        ) as c
        group by counter, template_id, preset, labels
      -- What is there is the least that was counted: old rows are taken away, and counters never fall.
      ), of_pools (counter, pool_id, labels, amount) as (
        -- In one look: each would join all of them by itself.
        select made.counter, m.pool_id, '{}'::jsonb, made.amount
        from (
          select w.pool_id, count(*) as created, count(*) filter (where j.status = 'failed') as failed
          from workspaces w
          join builds b on b.workspace_id = w.id and b.number = 1 and b.stage = 'create'
          left join jobs j on j.id = b.job_id
          where w.origin = 'prebuild'
          group by w.pool_id
        ) as m
        cross join lateral (
          values ('prebuilds_created', m.created), ('prebuilds_failed', m.failed)
        ) as made (counter, amount)
        union all
        select 'prebuilds_claimed', pool_id, '{}', count(*)
        from claims
        where outcome in ('hit', 'failed')
        group by pool_id
        union all
        select 'claims_voided', pool_id, '{}', count(*)
        from claims
        where outcome = 'void'
        group by pool_id
        union all
        select 'claims_missed', pool_id, jsonb_build_object('reason', reason), count(*)
        from claims
        where outcome = 'miss'
        group by pool_id, reason
        union all
        select 'resource_replacements', w.pool_id, '{}', count(*)
        from builds b
        join workspaces w on w.id = b.workspace_id
        where b.replaced <> '[]'
        group by w.pool_id
        union all
        select 'waits_ended', pool_id, jsonb_build_object('outcome', outcome), count(*)
        from waiters
        where ended_at is not null
        group by pool_id, outcome
      ), there (counter, pool_id, template_id, preset, labels, amount) as (
        select o.counter, l.id, l.template_id, l.preset_name, o.labels, o.amount
        from of_pools o
        join pools l on l.id = o.pool_id
        union all
        select 'builds_enqueued', null, null, null,
          jsonb_build_object('transition', transition, 'reason', reason, 'status', 'queued'), count(*)
        from builds
        group by transition, reason
      )
      select concat_ws(' ', there.counter, nullif(there.labels, '{}')::text, 'of pool ' || there.pool_id)
      from there
      left join counted c
        on c.counter = there.counter
        and c.labels = there.labels
        and c.template_id is not distinct from there.template_id
        and c.preset is not distinct from there.preset
      where there.amount > coalesce(c.amount, 0)`,
  }),
  check({
    id: 'system.user',
    title: 'the user who owns unclaimed prebuilds is missing, has roles, or can log in',
    remedy: 'Take its roles and tokens away; without its row nothing works.',
    sql: `
      select 'user ' || ${SYSTEM}
      where not exists (
          select
          from users
          where id = ${SYSTEM}
            and is_system
            and status = 'active'
            and site_roles = '{}')
        or exists (select from tokens where user_id = ${SYSTEM})`,
  }),
];
