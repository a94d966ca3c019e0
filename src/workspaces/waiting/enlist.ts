// Standing in line: what was asked for is stored, and the name is kept free for it.
import { createId, type PoolId, type WaiterId } from '../../base/id.ts';
import type { MissReason } from '../../domain/claim/miss-reason.ts';
import type { Transaction } from '../../store/database.ts';
import { recordWaiterKey } from '../../store/idempotency-key.ts';
import { insertWaiter } from '../../store/waiter.ts';
import type { CreateDeps, Order } from '../order.ts';
import { sealGiven } from './given.ts';

export interface Enlisting {
  readonly order: Order;
  readonly poolId: PoolId;
  /** Why there was nothing to take at once. */
  readonly missReason: MissReason;
}

export function enlist(
  deps: CreateDeps,
  tx: Transaction,
  { order, poolId, missReason }: Enlisting,
): WaiterId {
  const { request, requester, wanted, bodyHash } = order;
  const { userId } = requester;
  const id = createId<WaiterId>(deps);
  // First: who comes with the same key at this moment waits here for the end of this.
  if (request.idempotencyKey !== undefined) {
    recordWaiterKey.later(tx, {
      ...{ userId, bodyHash, waiterId: id },
      key: request.idempotencyKey,
    });
  }
  insertWaiter.later(tx, {
    ...{ id, poolId, userId, missReason },
    eventId: createId(deps),
    organizationId: wanted.organizationId,
    templateId: wanted.templateId,
    name: request.name,
    priority: request.priority,
    ...sealGiven(deps, id, { manifest: wanted.manifest, given: request }),
    timeoutSeconds: request.waitTimeoutSeconds,
    ttlSeconds: request.ttlSeconds ?? null,
    cron: request.autostart?.cron ?? null,
    timezone: request.autostart?.timezone ?? null,
    automaticUpdates: request.automaticUpdates ?? null,
  });
  // The pool may build more for who waits, or has one ready since.
  tx.notify({ kind: 'line', poolId });
  return id;
}
