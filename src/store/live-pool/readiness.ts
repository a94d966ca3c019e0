// Whether members are ready, derived from what their agents say. When they said it is not kept
// here but read from agents at every use: see ready-now.ts.
import type { JobId, PoolId, WorkspaceId } from '../../base/id.ts';
import { uuid } from '../column.ts';
import type { Transaction } from '../database.ts';
import { statement, takes, type Deferring } from '../statement.ts';
import { asManyAs, oneByOne, unseen } from '../unseen.ts';
import { IS_BROKEN_FOR_GOOD } from './member.ts';

/** On `pool_members m` and what is `derived`. */
export const setReadiness = (ready = 'derived.ready'): string => `set ready = ${ready},
      broken = derived.broken,
      unready_since = case
        when ${ready} then null
        when m.ready then (select standby_now())
        else m.unready_since
      end`;
export const CHANGES_READINESS = `(
        m.ready <> derived.ready or m.broken is distinct from derived.broken)`;

/** Of `members`, by what their agents say. */
const DERIVED = `said as materialized (
      select m.workspace_id, m.runs,
        coalesce(bool_and(a.lifecycle = 'ready'), true) as all_ready,
        case
          when ${IS_BROKEN_FOR_GOOD} then m.broken
          else min(a.lifecycle) filter (where a.lifecycle in ('start_error', 'start_timeout'))
        end as broken
      from members m
      left join lateral (
        select lifecycle
        from agents
        where workspace_id = m.workspace_id
        offset 0) as a on true
      group by m.workspace_id, m.runs, m.broken
    ), derived as (
      select workspace_id, broken, runs and all_ready and broken is null as ready
      from said
    )`;

const deriveReadiness = statement({
  name: 'pool_member.derive_readiness',
  takes: takes<{ readonly workspaceIds: readonly WorkspaceId[] }>(),
  gives: { workspaceId: uuid<WorkspaceId>(), poolId: uuid<PoolId>() },
  sql: `
    with members as materialized (
      select workspace_id, broken, running_since is not null as runs
      from pool_members
      where workspace_id = any (${unseen('$workspaceIds::uuid[]')}::uuid[])
    ), ${DERIVED}
    update pool_members m
    ${setReadiness()}
    from derived
    where m.workspace_id = derived.workspace_id
      and ${CHANGES_READINESS}
    returning m.workspace_id, m.pool_id`,
});

export interface MemberBuildEnd {
  readonly workspaceId: WorkspaceId;
  readonly jobId: JobId;
  readonly runs: boolean;
}

const finishMemberBuildRows = statement({
  name: 'pool_member.finish_build',
  takes: takes<{
    readonly workspaceIds: readonly WorkspaceId[];
    readonly jobIds: readonly JobId[];
    readonly runs: readonly boolean[];
  }>(),
  gives: {},
  sql: `
    with members as materialized (
      select m.workspace_id, m.at, m.broken, given.runs, j.completed_at,
        coalesce(f.acquired_at, j.acquired_at) as born_at
      from unnest(${unseen('$workspaceIds::uuid[]')}, ${unseen('$jobIds::uuid[]')},
        ${unseen('$runs::boolean[]')}) as given (workspace_id, job_id, runs)
      ${oneByOne(`
        select workspace_id, ctid as at, broken
        from pool_members
        where workspace_id = given.workspace_id
          and job_id = given.job_id`)} as m
      ${oneByOne('select acquired_at, completed_at from jobs where id = given.job_id')} as j
      ${oneByOne(`
        select job_id
        from builds
        where workspace_id = given.workspace_id
          and number = 1`)} as b
      ${oneByOne('select acquired_at from jobs where id = b.job_id')} as f
      ${asManyAs('$jobIds::uuid[]')}
    ), ${DERIVED}
    update pool_members m
    ${setReadiness()},
      running_since = case when members.runs then members.completed_at end,
      born_at = coalesce(m.born_at, members.born_at)
    from derived
    join members on members.workspace_id = derived.workspace_id
    where m.ctid = members.at`,
});

/** The latest builds of members that are locked have ended; whether these are ready now is told with it. */
export function finishMemberBuilds(tx: Deferring, ends: readonly MemberBuildEnd[]): void {
  if (ends.length === 0) return;
  finishMemberBuildRows.later(tx, {
    workspaceIds: ends.map(({ workspaceId }) => workspaceId),
    jobIds: ends.map(({ jobId }) => jobId),
    runs: ends.map(({ runs }) => runs),
  });
}

/**
 * Brings members in line with what their agents say, and announces those that changed. An earlier statement of the
 * transaction has locked them by `lockMembers`, before it wrote agents: so that of two agents that become ready at
 * once the later one sees the other.
 */
export async function refreshLocked(
  tx: Transaction,
  workspaceIds: readonly WorkspaceId[],
): Promise<void> {
  const changed = await deriveReadiness.all(tx, { workspaceIds });
  for (const { workspaceId, poolId } of changed) {
    tx.notify({ kind: 'workspace', workspaceId }, { kind: 'pool', poolId });
  }
}
