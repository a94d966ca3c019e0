// The record that a pool's brakes are decided from: how its newest first builds ended, whatever
// became of the workspaces since.
import type { PoolId, WorkspaceId } from '../base/id.ts';
import { statement, takes, type Deferring } from './statement.ts';
import { asManyAs, oneByOne, unseen } from './unseen.ts';

/** How many are kept per pool. Far above any count that a limit looks at, and above most pools' size. */
export const KEPT_PER_POOL = 100;

export interface JudgedBuild {
  readonly poolId: PoolId;
  readonly workspaceId: WorkspaceId;
  readonly failed: boolean;
}

/**
 * Records how first builds of prebuilds ended, and forgets what is too old to count. What another end of a build
 * forgets at this moment is left to it: whoever waited for that one's commit would hold a connection and its
 * build's rows meanwhile, and the ends of a large pool would go one by one.
 */
const recordJudgements = statement({
  name: 'judged_build.record',
  takes: takes<{
    readonly poolIds: readonly PoolId[];
    readonly workspaceIds: readonly WorkspaceId[];
    readonly failed: readonly boolean[];
    readonly kept: number;
  }>(),
  gives: {},
  sql: `
    with judged as materialized (
      select pool_id, workspace_id, failed
      from unnest(${unseen('$poolIds::uuid[]')}, ${unseen('$workspaceIds::uuid[]')},
        ${unseen('$failed::boolean[]')}) as r (pool_id, workspace_id, failed)
      ${asManyAs('$workspaceIds::uuid[]')}
    ), recorded as (
      insert into judged_builds
        (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
      select r.pool_id, b.workspace_id, b.preset_id, b.created_at, j.completed_at, r.failed
      from judged r
      ${oneByOne(`
        select workspace_id, preset_id, created_at, job_id
        from builds
        where workspace_id = r.workspace_id
          and number = 1`)} as b
      ${oneByOne('select completed_at from jobs where id = b.job_id')} as j
      on conflict do nothing
      returning pool_id, workspace_id, created_at
    ), old as materialized (
      select pools.pool_id, o.workspace_id
      from (select distinct pool_id from judged) as pools
      cross join lateral (
        select workspace_id
        from (
          select workspace_id, created_at
          from judged_builds
          where pool_id = pools.pool_id
          union all
          -- What was recorded just now is not seen there; where it is itself too old, the next one forgets it.
          select workspace_id, created_at
          from recorded
          where pool_id = pools.pool_id
        ) as known
        -- As the brakes tell which is newer: many are made at one moment.
        order by created_at desc, workspace_id desc
        offset $kept::integer
      ) as o
    ), free as materialized (
      select d.at
      from old
      ${oneByOne(`
        select ctid as at
        from judged_builds
        where pool_id = old.pool_id
          and workspace_id = old.workspace_id
        for update skip locked`)} as d
      limit (select count(*) from old) -- as asManyAs() has it
    )
    delete from judged_builds d
    using free
    where d.ctid = free.at`,
});

export function recordJudgedBuilds(tx: Deferring, judged: readonly JudgedBuild[]): void {
  if (judged.length === 0) return;
  recordJudgements.later(tx, {
    poolIds: judged.map(({ poolId }) => poolId),
    workspaceIds: judged.map(({ workspaceId }) => workspaceId),
    failed: judged.map(({ failed }) => failed),
    kept: KEPT_PER_POOL,
  });
}
