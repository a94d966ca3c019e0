// Whether members are ready, derived from what their agents say. When they said it is not kept
// here but read from agents at every use: see ready-now.ts.
import type { JobId, PoolId, WorkspaceId } from '../../base/id.ts';
import { uuid } from '../column.ts';
import type { Transaction } from '../database.ts';
import { statement, takes, type Deferring } from '../statement.ts';
import { unseen } from '../unseen.ts';
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

/** Of the members that fit the condition, by what their agents say; both are on `pool_members m`. */
const derivedOf = (condition: string, runs: string): string =>
  `said as materialized (
      select m.workspace_id, ${runs} as runs,
        coalesce(bool_and(a.lifecycle = 'ready'), true) as all_ready,
        case
          when ${IS_BROKEN_FOR_GOOD} then m.broken
          else min(a.lifecycle) filter (where a.lifecycle in ('start_error', 'start_timeout'))
        end as broken
      from pool_members m
      left join agents a on a.workspace_id = m.workspace_id
      where ${condition}
      group by m.workspace_id
    ), derived as (
      select workspace_id, runs, broken, runs and all_ready and broken is null as ready
      from said
    )`;

const deriveReadiness = statement({
  name: 'pool_member.derive_readiness',
  takes: takes<{ readonly workspaceIds: readonly WorkspaceId[] }>(),
  gives: { workspaceId: uuid<WorkspaceId>(), poolId: uuid<PoolId>() },
  sql: `
    with ${derivedOf(
      `m.workspace_id = any (${unseen('$workspaceIds::uuid[]')}::uuid[])`,
      'm.running_since is not null',
    )}
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
    readonly running: readonly WorkspaceId[];
  }>(),
  gives: {},
  sql: `
    with ${derivedOf(
      `m.workspace_id = any (${unseen('$workspaceIds::uuid[]')}::uuid[])`,
      `m.workspace_id = any (${unseen('$running::uuid[]')}::uuid[])`,
    )}
    update pool_members m
    ${setReadiness()},
      running_since = case when derived.runs then j.completed_at end,
      born_at = coalesce(m.born_at, first.acquired_at, j.acquired_at)
    from derived, jobs j, builds b, jobs first
    where m.workspace_id = derived.workspace_id
      and m.job_id = j.id
      and j.id = any (${unseen('$jobIds::uuid[]')}::uuid[])
      and b.workspace_id = m.workspace_id
      and b.number = 1
      and first.id = b.job_id`,
});

/** The latest builds of members that are locked have ended; whether these are ready now is told with it. */
export function finishMemberBuilds(tx: Deferring, ends: readonly MemberBuildEnd[]): void {
  if (ends.length === 0) return;
  finishMemberBuildRows.later(tx, {
    workspaceIds: ends.map(({ workspaceId }) => workspaceId),
    jobIds: ends.map(({ jobId }) => jobId),
    running: ends.filter(({ runs }) => runs).map(({ workspaceId }) => workspaceId),
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
