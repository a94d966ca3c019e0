// Waiters as callers may see them: their own, with how long they have still to wait.
import { AppError } from '../../base/app-error.ts';
import type { PoolId, WaiterId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { WaiterView } from '../../contract/waiter/schema.ts';
import type { PoolPace } from '../../domain/waiter/estimate.ts';
import { readPoolPace, type PageOptions } from '../../reconciler/pool-page.ts';
import type { Database } from '../../store/database.ts';
import type { WaiterRow } from '../../store/waiter.ts';
import { readWaiter } from '../../workspaces/waiting/end-waiters.ts';
import type { PersonCaller } from '../handler.ts';
import { toWaiterView } from './view.ts';

/** Throws NOT_FOUND for another person's, too. */
export async function findOwnWaiter(
  deps: Kit & { readonly database: Database },
  caller: PersonCaller,
  id: WaiterId,
): Promise<WaiterRow> {
  const row = await readWaiter(deps, id);
  if (row === undefined || !(row.userId === caller.userId || caller.isAdmin)) {
    throw new AppError('NOT_FOUND', `there is no waiter ${id}`);
  }
  return row;
}

export interface WaiterViewer {
  one(row: WaiterRow): Promise<WaiterView>;
  all(rows: readonly WaiterRow[]): Promise<readonly WaiterView[]>;
}

/** Shows waiters. How a pool does is read once for all that wait for it, and anew each time. */
export function createWaiterViewer(
  { database, log }: Pick<Kit, 'log'> & { readonly database: Database },
  options: PageOptions,
): WaiterViewer {
  /** A pool that cannot be read, which its turns tell of, has a line all the same. */
  const tryReadPace = async (poolId: PoolId): Promise<PoolPace | undefined> => {
    try {
      return await readPoolPace(database, poolId, options);
    } catch (error) {
      log.warn('waiter.no_estimate', { pool: poolId, error });
      return undefined;
    }
  };
  const paceOf = ({ poolId, position }: WaiterRow): Promise<PoolPace | undefined> =>
    position === null ? Promise.resolve(undefined) : tryReadPace(poolId);
  return {
    one: async (row) => toWaiterView(row, await paceOf(row)),
    all: async (rows) => {
      const paces = new Map<PoolId, PoolPace | undefined>();
      // One after the other: many together could take all connections there are.
      for (const row of rows) {
        if (row.position !== null && !paces.has(row.poolId))
          paces.set(row.poolId, await paceOf(row));
      }
      return rows.map((row) => toWaiterView(row, paces.get(row.poolId)));
    },
  };
}
