// Waiting that ends without a prebuild: given up, or past its deadline.
import { AppError } from '../../base/app-error.ts';
import type { PoolId, UserId, WaiterId } from '../../base/id.ts';
import type { Database } from '../../store/database.ts';
import type { Notice } from '../../store/notice.ts';
import {
  endOverdueName,
  endOverdueWaiter,
  endOverdueWaiters,
  endWaiter,
} from '../../store/waiter-end.ts';
import { findWaiter, listPoolsWithLine, type WaiterRow } from '../../store/waiter.ts';

const CANCELED = { outcome: 'canceled', errorCode: null, error: null } as const;
const TIMED_OUT = { outcome: 'timed_out', errorCode: null, error: null } as const;

/** Does nothing to one that was canceled before. Throws WAIT_OVER for one that ended otherwise. */
export async function cancelWaiter(database: Database, { id, outcome }: WaiterRow): Promise<void> {
  const [ended] = outcome === null ? await endWaiter.all(database, { id, ...CANCELED }) : [];
  if (ended !== undefined) {
    database.announce(noticesOf([ended]));
    return;
  }
  const now = await findWaiter.one(database, { id });
  if (now.outcome === 'canceled') return;
  throw new AppError('WAIT_OVER', {
    detail: `waiter ${id} waits no more: it was ${now.outcome ?? 'ended'}`,
    fields: { outcome: now.outcome, workspace_id: now.workspaceId },
  });
}

/** One whose deadline has passed is ended by whoever sees it first. */
export async function readWaiter(database: Database, id: WaiterId): Promise<WaiterRow | undefined> {
  const row = await findWaiter.maybe(database, { id });
  if (row?.outcome !== null || row.leftMs > 0) return row;
  const ended = await endOverdueWaiter.all(database, { id, ...TIMED_OUT });
  database.announce(noticesOf(ended));
  return findWaiter.maybe(database, { id });
}

/** True when the name was kept for a waiter whose deadline has passed: it is free now. */
export async function freeName(
  database: Database,
  named: { readonly userId: UserId; readonly name: string },
): Promise<boolean> {
  const ended = await endOverdueName.all(database, { ...named, ...TIMED_OUT });
  database.announce(noticesOf(ended));
  return ended.length > 0;
}

/** What nobody has to be there for: deadlines are kept, and lines get a turn whatever notice was lost. */
export async function tendLines(database: Database): Promise<void> {
  const pools = await listPoolsWithLine.all(database, {});
  const isAnyOverdue = pools.some(({ isOverdue }) => isOverdue);
  const ended = isAnyOverdue ? await endOverdueWaiters.all(database, TIMED_OUT) : [];
  database.announce([
    ...noticesOf(ended),
    ...pools.map(({ poolId }) => ({ kind: 'pool', poolId }) as const),
  ]);
}

/** The pool may have been building for them. */
function noticesOf(
  ended: readonly { readonly id: WaiterId; readonly poolId: PoolId }[],
): readonly Notice[] {
  return ended.flatMap(({ id, poolId }) => [
    { kind: 'waiter', waiterId: id } as const,
    { kind: 'pool', poolId } as const,
  ]);
}
