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
import { mendWaiters } from '../../store/waiter-mend.ts';
import { findWaiter, listPoolsWithLine, type WaiterRow } from '../../store/waiter.ts';
import { voidUnanswered } from '../prove-claim.ts';
import { takeBack } from '../settle-claims.ts';

type Deps = Kit & { readonly database: Database };

const CANCELED = { outcome: 'canceled', errorCode: null, error: null } as const;
const TIMED_OUT = { outcome: 'timed_out', errorCode: null, error: null } as const;

/** Others take for a waiter, and settle that, while it is looked at; more often than this something is wrong. */
const MOST_LOOKS = 20;

/** Does nothing to one that was canceled before. Throws WAIT_OVER for one that ended otherwise. */
export async function cancelWaiter(deps: Deps, waiter: WaiterRow): Promise<void> {
  const { id } = waiter;
  let now = waiter;
  for (let looks = 0; now.outcome === null; looks++) {
    if (looks === MOST_LOOKS) throw new Error(`waiter ${id} has a claim that nobody can settle`);
    if (await leaveLine(deps, id)) return;
    now = await findWaiter.one(deps.database, { id });
  }
  if (now.outcome === 'canceled') return;
  throw new AppError('WAIT_OVER', {
    detail: `waiter ${id} waits no more: it was ${now.outcome}`,
    fields: { outcome: now.outcome, workspace_id: now.workspaceId },
  });
}

/** False: it has ended otherwise, or something else was taken for it meanwhile. */
async function leaveLine(deps: Deps, id: WaiterId): Promise<boolean> {
  const { database } = deps;
  const [ended] = await endWaiter.all(database, { id, ...CANCELED });
  if (ended !== undefined) {
    database.announce(noticesOf([ended]));
    return true;
  }
  const taking = await findTaking.maybe(database, { id });
  if (taking === undefined) {
    await mendSettled(deps);
    return false;
  }
  // One transaction, or it might be served with the next one in between.
  const hasLeft = await database.transaction(async (tx) => {
    await voidUnanswered(deps, tx, taking);
    const left = await endWaiter.all(tx, { id, ...CANCELED });
    tx.notify(...noticesOf(left));
    return left.length > 0;
  });
  // Its owner uses it already, and has it then.
  if (!hasLeft) await takeBack(deps, taking);
  return hasLeft;
}

/** One whose deadline has passed is ended by whoever sees it first. */
export async function readWaiter(deps: Deps, id: WaiterId): Promise<WaiterRow | undefined> {
  const { database } = deps;
  const row = await findWaiter.maybe(database, { id });
  if (row?.outcome !== null || row.leftMs > 0) return row;
  const taking = row.isUnproven ? await findTaking.maybe(database, { id }) : undefined;
  if (taking !== undefined) await takeBack(deps, taking);
  else if (row.isUnproven) await mendSettled(deps);
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

/** What nobody has to be there for: deadlines are kept, and lines get a turn whatever notice was lost. False: nobody waits. */
export async function tendLines(deps: Deps): Promise<boolean> {
  const { database } = deps;
  const pools = await listPoolsWithLine.all(database, {});
  if (pools.length === 0) return false;
  await mendSettled(deps);
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
  return true;
}

/** For who waits for the proof of what a control plane of before has settled already. */
async function mendSettled({ database, meter, log }: Deps): Promise<void> {
  const mended = await mendWaiters.all(database, {});
  for (const { id, waitedMs } of mended) {
    log.info('waiter.mended', { waiter: id, isServed: waitedMs !== null });
    if (waitedMs !== null) meter.observe('wait_duration', waitedMs);
  }
  database.announce(noticesOf(mended));
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
