// Pausing and resizing one pool.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Transaction } from '../store/database.ts';
import { lockPool } from '../store/pool-lock.ts';
import { pausePool, readPoolSettings, resizePool } from '../store/pool-operation.ts';
import { tellPools, type Operator } from './operation.ts';

export interface PoolSize {
  readonly instances: number;
  /** Whether it holds against the schedules of the template too. */
  readonly overridesSchedules: boolean;
}

export interface PoolChange {
  readonly poolId: PoolId;
  readonly by: Operator;
  /** Undefined: as it is. */
  readonly paused: boolean | undefined;
  /** Undefined: as it is; null: as the template says. */
  readonly size: PoolSize | null | undefined;
}

/** What is asked for and holds already changes nothing and is told to nobody. */
export async function changePool(kit: Kit, tx: Transaction, change: PoolChange): Promise<void> {
  const { poolId, by, paused, size } = change;
  await lockPool.one(tx, { poolId });
  const former = await readPoolSettings.one(tx, { poolId });
  const tell = (kind: 'paused' | 'resumed' | 'resized', reason: string | null): void =>
    tellPools(kit, tx, { poolIds: [poolId], kind, by, reason });

  if (paused !== undefined && paused !== former.paused) {
    await pausePool.run(tx, { poolId, paused });
    tell(paused ? 'paused' : 'resumed', null);
  }
  if (size === undefined) return;
  const { instances, overridesSchedules } = size ?? { instances: null, overridesSchedules: false };
  if (instances === former.sizeOverride && overridesSchedules === former.overridesSchedules) return;
  await resizePool.run(tx, { poolId, instances, overridesSchedules });
  tell('resized', describeSize(size));
}

function describeSize(size: PoolSize | null): string {
  if (size === null) return 'the size is the template’s again';
  const { instances, overridesSchedules } = size;
  return `${instances} instances, ${overridesSchedules ? 'whatever' : 'unless'} a schedule says`;
}
