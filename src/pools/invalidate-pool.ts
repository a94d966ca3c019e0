// Having the prebuilds of a pool replaced: whatever was born before now is expired.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Transaction } from '../store/database.ts';
import { lockPool } from '../store/pool-lock.ts';
import { invalidatePools } from '../store/pool-operation.ts';
import { tellPools, type Operator } from './operation.ts';

export async function invalidatePool(
  kit: Kit,
  tx: Transaction,
  { poolId, by }: { readonly poolId: PoolId; readonly by: Operator },
): Promise<void> {
  await lockPool.one(tx, { poolId });
  const poolIds = [poolId];
  await invalidatePools.run(tx, { poolIds });
  tellPools(kit, tx, { poolIds, kind: 'invalidated', by, reason: null });
}
