// What operators do to pools. Under the pools' locks, by statements that follow the one that locks.
import type { PoolId, WorkspaceId } from '../base/id.ts';
import { bool, int, nullable, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

export const readPoolSettings = statement({
  name: 'pool.read_settings',
  takes: takes<{ readonly poolId: PoolId }>(),
  gives: { paused: bool, sizeOverride: nullable(int), overridesSchedules: bool },
  sql: `
    select paused, size_override, overrides_schedules
    from pools
    where id = $poolId`,
});

export const pausePool = statement({
  name: 'pool.pause',
  takes: takes<{ readonly poolId: PoolId; readonly paused: boolean }>(),
  gives: {},
  sql: `
    update pools
    set paused = $paused
    where id = $poolId`,
});

export const resizePool = statement({
  name: 'pool.resize',
  takes: takes<{
    readonly poolId: PoolId;
    /** Null: as the template says. */
    readonly instances: number | null;
    readonly overridesSchedules: boolean;
  }>(),
  gives: {},
  sql: `
    update pools
    set size_override = $instances::integer,
      overrides_schedules = $overridesSchedules
    where id = $poolId`,
});

export const invalidatePools = statement({
  name: 'pool.invalidate',
  takes: takes<{ readonly poolIds: readonly PoolId[] }>(),
  gives: {},
  sql: `
    update pools
    set last_invalidated_at = standby_now()
    where id = any ($poolIds::uuid[])`,
});

/**
 * Nothing that was built before counts any more. A millisecond ahead, so that a trial that began in
 * this one does not count either.
 */
export const resetBrakes = statement({
  name: 'pool_brakes.reset',
  takes: takes<{ readonly poolId: PoolId }>(),
  gives: { formerTrialId: nullable(uuid<WorkspaceId>()) },
  sql: `
    with former as materialized (
      select pool_id, trial_workspace_id
      from pool_brakes
      where pool_id = $poolId
    )
    update pool_brakes k
    set judged_since = standby_now() + interval '1 millisecond',
      limited_at = null,
      trial_at = null,
      cooldown_ms = null,
      trial_workspace_id = null
    from former
    where k.pool_id = former.pool_id
    returning former.trial_workspace_id as former_trial_id`,
});
