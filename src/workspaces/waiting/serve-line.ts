// A pool's line, served outside of the pool's own turn: by somebody who would otherwise have to go behind.
import type { PoolId } from '../../base/id.ts';
import { lockPool } from '../../store/pool-lock.ts';
import type { CreateDeps } from '../order.ts';
import { serveWaiters } from './serve-waiters.ts';

export async function serveLine(deps: CreateDeps, poolId: PoolId): Promise<void> {
  const waitedMs = await deps.database.transaction(async (tx) => {
    const locked = await lockPool.maybe(tx, { poolId });
    return locked === undefined ? [] : serveWaiters(deps, tx, poolId);
  });
  for (const ms of waitedMs) deps.meter.observe('wait_duration', ms);
}
