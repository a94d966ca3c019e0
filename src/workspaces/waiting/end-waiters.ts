// Waiting that ends without a prebuild: given up, or past its deadline. What was taken meanwhile and is not
// proven yet is taken back first.
import { AppError } from '../../base/app-error.ts';
import type { PoolId, UserId, WaiterId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { Database } from '../../store/database.ts';
import type { Notice } from '../../store/notice.ts';
import {
  endOverdueName,
  endOverdueWaiter,
  endOverdueWaiters,
  endWaiter,
  findOverdueTaking,
  findTaking,
  listOverdueTakings,
} from '../../store/waiter-end.ts';
import { findWaiter, listPoolsWithLine, type WaiterRow } from '../../store/waiter.ts';
import { voidUnanswered } from '../prove-claim.ts';
import { takeBack } from '../settle-claims.ts';

type Deps = Kit & { readonly database: Database };

const CANCELED = { outcome: 'canceled', errorCode: null, error: null } as const;
const TIMED_OUT = { outcome: 'timed_out', errorCode: null, error: null } as const;

/** Does nothing to one that was canceled before. Throws WAIT_OVER for one that ended otherwise. */
export async function cancelWaiter(deps: Deps, { id, outcome }: WaiterRow): Promise<void> {
  const { database } = deps;
  const [ended] = outcome === null ? await endWaiter.all(database, { id, ...CANCELED }) : [];
  if (ended !== undefined) {
    database.announce(noticesOf([ended]));
    return;
  }
  let now = await findWaiter.one(database, { id });
  if (now.isUnproven) {
    if (await cancelUnproven(deps, id)) return;
    now = await findWaiter.one(database, { id });
  }
  if (now.outcome === 'canceled') return;
  throw new AppError('WAIT_OVER', {
    detail: `waiter ${id} waits no more: it was ${now.outcome ?? 'served'}`,
    fields: { outcome: now.outcome ?? 'served', workspace_id: now.workspaceId },
  });
}

/** One transaction, or it might be served with the next one in between. False: what was taken is proven, or used. */
async function cancelUnproven(deps: Deps, id: WaiterId): Promise<boolean> {
  return deps.database.transaction(async (tx) => {
    const taking = await findTaking.maybe(tx, { id });
    if (taking !== undefined) await voidUnanswered(deps, tx, taking);
    const ended = await endWaiter.all(tx, { id, ...CANCELED });
    tx.notify(...noticesOf(ended));
    return ended.length > 0;
  });
}

/** One whose deadline has passed is ended by whoever sees it first. */
export async function readWaiter(deps: Deps, id: WaiterId): Promise<WaiterRow | undefined> {
  const { database } = deps;
  const row = await findWaiter.maybe(database, { id });
  if (row?.outcome !== null || row.leftMs > 0) return row;
  const taking = row.isUnproven ? await findTaking.maybe(database, { id }) : undefined;
  if (taking !== undefined) await takeBack(deps, taking);
  const ended = await endOverdueWaiter.all(database, { id, ...TIMED_OUT });
  database.announce(noticesOf(ended));
  return findWaiter.maybe(database, { id });
}

/** True when the name was kept for a waiter whose deadline has passed: it is free now. */
export async function freeName(
  deps: Deps,
  named: { readonly userId: UserId; readonly name: string },
): Promise<boolean> {
  const { database } = deps;
  const end = (): ReturnType<typeof endOverdueName.all> =>
    endOverdueName.all(database, { ...named, ...TIMED_OUT });
  let ended = await end();
  const taking = ended.length > 0 ? undefined : await findOverdueTaking.maybe(database, named);
  if (taking !== undefined && (await takeBack(deps, taking))) ended = await end();
  database.announce(noticesOf(ended));
  return ended.length > 0;
}

/** What nobody has to be there for: deadlines are kept, and lines get a turn whatever notice was lost. */
export async function tendLines(deps: Deps): Promise<void> {
  const { database } = deps;
  const pools = await listPoolsWithLine.all(database, {});
  const isAnyOverdue = pools.some(({ isOverdue }) => isOverdue);
  const takings = isAnyOverdue ? await listOverdueTakings.all(database, {}) : [];
  for (const taking of takings) {
    // What keeps this one from being taken back has nothing to do with the deadlines of others.
    await takeBack(deps, taking).catch((error: unknown) => {
      deps.log.error('waiter.not_ended', { workspaceId: taking.workspaceId, error });
    });
  }
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
