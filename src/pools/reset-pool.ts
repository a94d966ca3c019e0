// Forgetting the failures that hold a pool's creations back, as a trial that succeeds does.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Transaction } from '../store/database.ts';
import { lockPool } from '../store/pool-lock.ts';
import { resetBrakes } from '../store/pool-operation.ts';
import { tellPools, type Operator } from './operation.ts';

export async function resetPool(
  kit: Kit,
  tx: Transaction,
  { poolId, by }: { readonly poolId: PoolId; readonly by: Operator },
): Promise<void> {
  await lockPool.one(tx, { poolId });
  // A pool that was never decided has nothing to forget.
  const former = await resetBrakes.maybe(tx, { poolId });
  const trial = former?.formerTrialId ?? null;
  const reason = trial === null ? null : `the trial ${trial} counts for nothing`;
  tellPools(kit, tx, { poolIds: [poolId], kind: 'brakes_reset', by, reason });
}
