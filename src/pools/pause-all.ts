// Pausing every pool at once, and ending that.
import type { Kit } from '../base/kit.ts';
import type { Transaction } from '../store/database.ts';
import { listAllPoolIds } from '../store/pool-page.ts';
import {
  findPrebuildSettings,
  lockPause,
  parsePrebuildSettings,
  storePrebuildSettings,
  type StoredSettings,
} from '../store/settings.ts';
import { recordOperation, type Operator } from './operation.ts';

/** Once it has committed, no write for a pool follows that contradicts it. */
export async function pauseAll(
  kit: Kit,
  tx: Transaction,
  { paused, by }: { readonly paused: boolean; readonly by: Operator },
): Promise<void> {
  await lockPause(tx);
  const former = await findPrebuildSettings(tx);
  if (wasPaused(former) === paused) return;
  await storePrebuildSettings(tx, { reconciliationPaused: paused });
  const pools = await listAllPoolIds.all(tx, {});
  recordOperation(kit, tx, {
    poolIds: pools.map(({ poolId }) => poolId),
    kind: paused ? 'all_paused' : 'all_resumed',
    by,
    reason: null,
  });
  tx.notify({ kind: 'prebuilds' });
}

/** Undefined for what cannot be read, which is mended by storing anything. */
function wasPaused(stored: StoredSettings | null): boolean | undefined {
  try {
    return parsePrebuildSettings(stored).reconciliationPaused;
  } catch {
    return undefined;
  }
}
