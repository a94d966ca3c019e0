// Writing a pool's brakes and what they are judged by. Only under the pool's lock.
import type { Instant } from '../base/clock.ts';
import type { PoolId, PresetId, WorkspaceId } from '../base/id.ts';
import { statement, takes } from './statement.ts';

export const storeBrakes = statement({
  name: 'pool_brakes.store',
  takes: takes<{
    readonly poolId: PoolId;
    readonly presetId: PresetId;
    readonly judgedSince: Instant;
    readonly limitedAt: Instant | null;
    readonly trialAt: Instant | null;
    readonly cooldownMs: number | null;
    readonly trialWorkspaceId: WorkspaceId | null;
  }>(),
  gives: {},
  sql: `
    insert into pool_brakes
      (pool_id, preset_id, judged_since, limited_at, trial_at, cooldown_ms, trial_workspace_id)
    values ($poolId, $presetId, to_timestamp($judgedSince::float8 / 1000),
      to_timestamp($limitedAt::float8 / 1000), to_timestamp($trialAt::float8 / 1000),
      $cooldownMs::integer, $trialWorkspaceId::uuid)
    on conflict (pool_id) do update
    set preset_id = excluded.preset_id,
      judged_since = excluded.judged_since,
      limited_at = excluded.limited_at,
      trial_at = excluded.trial_at,
      cooldown_ms = excluded.cooldown_ms,
      trial_workspace_id = excluded.trial_workspace_id`,
});

export const storeTrial = statement({
  name: 'pool_brakes.store_trial',
  takes: takes<{ readonly poolId: PoolId; readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: `
    update pool_brakes
    set trial_workspace_id = $workspaceId
    where pool_id = $poolId
      and limited_at is not null`,
});

/** Ends the trial when it is among the workspaces, with as long a time to the next one as before. */
export const voidTrial = statement({
  name: 'pool_brakes.void_trial',
  takes: takes<{ readonly poolId: PoolId; readonly workspaceIds: readonly WorkspaceId[] }>(),
  gives: {},
  sql: `
    update pool_brakes
    set trial_workspace_id = null,
      trial_at = (select standby_now()) + make_interval(secs => cooldown_ms / 1000.0)
    where pool_id = $poolId
      and trial_workspace_id = any ($workspaceIds::uuid[])`,
});

/** A build that had succeeded counts as failed from `completedAt` on: its workspace turned bad. */
export const failJudgedBuild = statement({
  name: 'judged_build.fail',
  takes: takes<{
    readonly poolId: PoolId;
    readonly workspaceId: WorkspaceId;
    readonly completedAt: Instant;
  }>(),
  gives: {},
  sql: `
    update judged_builds
    set failed = true,
      completed_at = to_timestamp($completedAt::float8 / 1000)
    where pool_id = $poolId
      and workspace_id = $workspaceId`,
});
