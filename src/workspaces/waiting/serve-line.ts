// A pool's line, served outside of the pool's own turn: by somebody who would otherwise have to go behind.
import type { PoolId } from '../../base/id.ts';
import { waitFor } from '../../store/long-poll.ts';
import { lockPool } from '../../store/pool-lock.ts';
import { hasUnprovenBefore } from '../../store/waiter.ts';
import type { ProveDeps } from '../order.ts';
import { MOST_RETAKEN } from '../prove-claim.ts';
import { proveServed } from './prove-served.ts';
import { serveWaiters } from './serve-waiters.ts';

/**
 * With `priority`, where what they get has to be proven, also by others: who asks with it comes after those whose agents
 * have yet to answer. They may need another one, or leave what is ready to who asks.
 */
export async function serveLine(
  deps: ProveDeps,
  poolId: PoolId,
  { priority }: { readonly priority?: number | undefined } = {},
): Promise<void> {
  for (let turn = 0; turn <= MOST_RETAKEN; turn++) {
    const handedOut = await deps.database.transaction(async (tx) => {
      const locked = await lockPool.maybe(tx, { poolId });
      return locked === undefined ? [] : serveWaiters(deps, tx, poolId);
    });
    const areProven = await proveServed(deps, handedOut);
    if (priority === undefined) return;
    const others = await awaitProofs(deps, { poolId, priority });
    if (others === 'open' || (others === 'none' && areProven)) return;
  }
}

/** `open`: they go on for longer than agents have, as where who has to end them has died. */
async function awaitProofs(
  deps: ProveDeps,
  before: { readonly poolId: PoolId; readonly priority: number },
): Promise<'none' | 'settled' | 'open'> {
  const { database, proof } = deps;
  const look = async (): Promise<'settled' | undefined> =>
    (await hasUnprovenBefore.one(database, before)).isSo ? undefined : 'settled';
  if ((await look()) === 'settled') return 'none';
  const settled = await waitFor(
    deps,
    { wanted: { kind: 'pool', poolId: before.poolId }, look },
    { ...proof, signal: new AbortController().signal },
  );
  return settled ?? 'open';
}
