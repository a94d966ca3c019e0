// The record that a pool's brakes are decided from: how its newest first builds ended, whatever
// became of the workspaces since.
import type { PoolId, WorkspaceId } from '../base/id.ts';
import type { Executor } from './statement.ts';
import { statement, takes } from './statement.ts';

/** How many are kept per pool. Far above any count that a limit looks at, and above most pools' size. */
export const KEPT_PER_POOL = 100;

const insertJudgedBuild = statement({
  name: 'judged_build.insert',
  takes: takes<{
    readonly poolId: PoolId;
    readonly workspaceId: WorkspaceId;
    readonly failed: boolean;
  }>(),
  gives: {},
  sql: `
    insert into judged_builds
      (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
    select $poolId, b.workspace_id, b.preset_id, b.created_at, j.completed_at, $failed
    from builds b
    join jobs j on j.id = b.job_id
    where b.workspace_id = $workspaceId
      and b.number = 1
    on conflict do nothing`,
});

const dropOldJudgedBuilds = statement({
  name: 'judged_build.drop_old',
  takes: takes<{ readonly poolId: PoolId; readonly kept: number }>(),
  gives: {},
  sql: `
    delete from judged_builds
    using (
      select workspace_id
      from judged_builds
      where pool_id = $poolId
      -- As the brakes tell which is newer: many are made at one moment.
      order by created_at desc, workspace_id desc
      offset $kept::integer
    ) as old
    where judged_builds.pool_id = $poolId
      and judged_builds.workspace_id = old.workspace_id`,
});

/** Records how the first build of a prebuild ended, and forgets what is too old to count. */
export async function recordJudgedBuild(
  on: Executor,
  judged: { readonly poolId: PoolId; readonly workspaceId: WorkspaceId; readonly failed: boolean },
): Promise<void> {
  await insertJudgedBuild.run(on, judged);
  await dropOldJudgedBuilds.run(on, { poolId: judged.poolId, kept: KEPT_PER_POOL });
}
