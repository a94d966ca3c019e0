// Taking away what is long over, some rows at a time, oldest first. What somebody else holds is passed over,
// so that any number of replicas may do it at once. What is alive keeps all of its rows.
import { STRAY_MAY_COME } from './awaited-stray.ts';
import { statement, takes } from './statement.ts';

interface Retention {
  /** What ended longer ago goes. */
  readonly retentionMs: number;
}

/** What ended before goes. */
export const CUTOFF = `(
  select standby_now() - make_interval(secs => $retentionMs::float8 / 1000))`;

/**
 * On `workspaces w`: nobody asks for it any more. Not while a request with its idempotency key would have
 * to be given it again or a waiter tells that it was served with it, while something that an attempt made may be destroyed with what its rows say, or
 * while its pool's brakes wait for how its trial ended. `offset 0` keeps each look one by key: joined as a
 * whole, all rows there are might be read.
 */
const IS_OVER = `
      w.deleted_at < ${CUTOFF}
      and not exists (select from idempotency_keys k where k.workspace_id = w.id offset 0)
      and not exists (select from waiters q where q.workspace_id = w.id offset 0)
      and not exists (select from stray_states s where s.workspace_id = w.id offset 0)
      and not exists (
        select
        from pool_brakes k
        where k.pool_id = w.pool_id
          and k.trial_workspace_id = w.id
        offset 0)
      and not ${STRAY_MAY_COME}`;

/**
 * Takes lines away from the logs of the oldest workspaces that are over, so that a statement which takes a
 * workspace never takes thousands of lines with it.
 */
export const removeOldLines = statement({
  name: 'history.remove_lines',
  takes: takes<Retention & { readonly workspaces: number; readonly limit: number }>(),
  gives: {},
  sql: `
    with over as materialized (
      select w.id
      from workspaces w
      where ${IS_OVER}
      order by w.deleted_at, w.id
      limit $workspaces::integer
    ), doomed as materialized (
      select l.ctid as place
      from builds b
      join job_logs l on l.job_id = b.job_id
      where b.workspace_id = any (array(select id from over))
      limit $limit::integer
      for update of l skip locked
    )
    delete from job_logs
    where ctid = any (array(select place from doomed))`,
});

/**
 * Takes away workspaces with all that was ever about them: builds and their jobs, agents and their sessions,
 * claims, locks, states. Keys hold it together: what would be left without what it refers to keeps the whole
 * from going.
 */
export const removeOldWorkspaces = statement({
  name: 'history.remove_workspaces',
  takes: takes<Retention & { readonly limit: number }>(),
  gives: {},
  sql: `
    with over as materialized (
      select w.id
      from workspaces w
      where ${IS_OVER}
        and not exists (
          select
          from builds b
          join job_logs l on l.job_id = b.job_id
          where b.workspace_id = w.id
          offset 0)
      order by w.deleted_at, w.id
      limit $limit::integer
      for update of w skip locked
    ), without_claims as (
      delete from claims
      where workspace_id = any (array(select id from over))
    ), without_states as (
      delete from workspace_states
      where workspace_id = any (array(select id from over))
    ), without_locks as (
      delete from state_locks
      where workspace_id = any (array(select id from over))
    ), without_builds as (
      delete from builds
      where workspace_id = any (array(select id from over))
      returning job_id
    ), without_secrets as (
      delete from secret_parameters
      where workspace_id = any (array(select id from over))
    ), without_jobs as (
      delete from jobs
      where id = any (array(select job_id from without_builds))
    )
    delete from workspaces
    where id = any (array(select id from over))`,
});

/** Jobs that were about no version and no build, with their logs; uses jobs_lone_ended_idx. */
export const removeOldLoneJobs = statement({
  name: 'history.remove_lone_jobs',
  takes: takes<Retention & { readonly limit: number }>(),
  gives: {},
  sql: `
    with over as materialized (
      select j.id
      from jobs j
      where j.type in ('rehearsal', 'stray_cleanup')
        and j.completed_at < ${CUTOFF}
        and not exists (select from stray_states s where s.job_id = j.id offset 0)
      order by j.completed_at, j.id
      limit $limit::integer
      for update of j skip locked
    )
    delete from jobs
    where id = any (array(select id from over))`,
});

/** Requests that were answered with nothing; those that made a workspace go with it. Uses claims_unserved_idx. */
export const removeOldMisses = statement({
  name: 'history.remove_misses',
  takes: takes<Retention & { readonly limit: number }>(),
  gives: {},
  sql: `
    with over as materialized (
      select id
      from claims
      where workspace_id is null
        and at < ${CUTOFF}
      order by at, id
      limit $limit::integer
      for update skip locked
    )
    delete from claims
    where id = any (array(select id from over))`,
});

/** Ids of pool events that were made before begin with less. */
export const POOL_EVENT_CUTOFF = `(
          select rpad(lpad(to_hex(floor(extract(epoch from ${CUTOFF}) * 1000)::bigint), 12, '0'), 32, '0')
          )::uuid`;

/**
 * What happened in pools, whatever became of the workspaces. Ids begin with the time at which they were made,
 * in milliseconds, by the clock of who made them: so the primary key has the oldest first, and no claim
 * writes another index for this. Where that clock and the database's are apart, the later of the two counts.
 */
export const removeOldPoolEvents = statement({
  name: 'history.remove_pool_events',
  takes: takes<Retention & { readonly limit: number }>(),
  gives: {},
  sql: `
    with over as materialized (
      select id
      from pool_events
      where id < ${POOL_EVENT_CUTOFF}
        and at < ${CUTOFF}
      order by id
      limit $limit::integer
      for update skip locked
    )
    delete from pool_events
    where id = any (array(select id from over))`,
});
