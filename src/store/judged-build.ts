// The record that a pool's brakes are decided from: how its newest first builds ended, whatever
// became of the workspaces since.
import type { PoolId, WorkspaceId } from '../base/id.ts';
import { statement, takes, type Deferring } from './statement.ts';

/** How many are kept per pool. Far above any count that a limit looks at, and above most pools' size. */
export const KEPT_PER_POOL = 100;

/**
 * Records how the first build of a prebuild ended, and forgets what is too old to count. What another end of a build
 * forgets at this moment is left to it: whoever waited for that one's commit would hold a connection and its
 * build's rows meanwhile, and the ends of a large pool would go one by one.
 */
const recordJudgement = statement({
  name: 'judged_build.record',
  takes: takes<{
    readonly poolId: PoolId;
    readonly workspaceId: WorkspaceId;
    readonly failed: boolean;
    readonly kept: number;
  }>(),
  gives: {},
  sql: `
    with recorded as (
      insert into judged_builds
        (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
      select $poolId, b.workspace_id, b.preset_id, b.created_at, j.completed_at, $failed
      from builds b
      join jobs j on j.id = b.job_id
      where b.workspace_id = $workspaceId
        and b.number = 1
      on conflict do nothing
      returning workspace_id, created_at
    ), old as materialized (
      select workspace_id
      from (
        select workspace_id, created_at
        from judged_builds
        where pool_id = $poolId
        union all
        -- What was recorded just now is not seen there; where it is itself too old, the next one forgets it.
        select workspace_id, created_at
        from recorded
      ) as known
      -- As the brakes tell which is newer: many are made at one moment.
      order by created_at desc, workspace_id desc
      offset $kept::integer
    ), free as materialized (
      select d.workspace_id
      from judged_builds d
      where d.pool_id = $poolId
        and d.workspace_id in (select workspace_id from old)
      for update skip locked
    )
    delete from judged_builds
    where pool_id = $poolId
      and workspace_id in (select workspace_id from free)`,
});

export function recordJudgedBuild(
  tx: Deferring,
  judged: { readonly poolId: PoolId; readonly workspaceId: WorkspaceId; readonly failed: boolean },
): void {
  recordJudgement.later(tx, { ...judged, kept: KEPT_PER_POOL });
}
