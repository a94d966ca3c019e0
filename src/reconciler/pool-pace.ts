// How soon a pool has prebuilds for those who wait, as its next turn would find it.
import type { PoolId } from '../base/id.ts';
import type { PoolPace } from '../domain/waiter/estimate.ts';
import type { Executor } from '../store/statement.ts';
import { readPace } from '../store/waiter.ts';
import type { PoolPlan } from './pool-plan.ts';

export interface PacedPool {
  readonly id: PoolId;
  /** By itself or with all pools. */
  readonly paused: boolean;
  readonly limited: boolean;
  readonly plan: PoolPlan;
}

export async function paceOf(
  on: Executor,
  { id, paused, limited, plan }: PacedPool,
): Promise<PoolPace> {
  const { buildingMs, buildMs } = await readPace.one(on, { poolId: id });
  const active = plan.presets.find(({ usingActiveVersion }) => usingActiveVersion);
  const toCreate = active?.actions.find((action) => action.kind === 'create')?.count ?? 0;
  return {
    eligible: active?.state.eligible ?? 0,
    buildingMs: [...buildingMs, ...Array.from({ length: toCreate }, () => 0)],
    buildMs,
    withheld: whyWithheld(paused, limited, active?.withheld?.reason ?? null),
  };
}

/** A pool that has all that it needs holds nothing back, and may promise nothing all the same. */
function whyWithheld(
  paused: boolean,
  limited: boolean,
  reason: PoolPace['withheld'],
): PoolPace['withheld'] {
  if (paused) return 'paused';
  return limited ? 'hard_limited' : reason;
}
