// Every pool, decided from one short snapshot: where there is work.
import type { PoolDecision } from '../domain/pool/decide-pool.ts';
import type { Database } from '../store/database.ts';
import type { DecisionOptions } from './options.ts';
import {
  decideSeenPool,
  readAllPools,
  readMoment,
  type Moment,
  type SeenPool,
} from './seen-pool.ts';

export interface Decided {
  readonly pool: SeenPool;
  /** Undefined for a pool whose rows make no sense: the others must not wait for its repair. */
  readonly decision: PoolDecision | undefined;
}

/** Throws SETTINGS_UNREADABLE. */
export async function decideAllPools(
  database: Database,
  options: DecisionOptions,
): Promise<{ readonly moment: Moment; readonly pools: readonly Decided[] }> {
  const { moment, seen } = await database.transaction(
    async (tx) => {
      const read = await readMoment(tx, options);
      return { moment: read, seen: await readAllPools(tx, read, options) };
    },
    { mode: 'snapshot' },
  );
  const pools = seen.map((pool) => ({ pool, decision: tryDecide(pool, moment, options) }));
  return { moment, pools };
}

/** What cannot be decided has its turn as well, where that is told, counted and tried again. */
export function isDue({ decision }: Decided): boolean {
  return decision?.needsReconciling !== false;
}

function tryDecide(
  pool: SeenPool,
  moment: Moment,
  options: DecisionOptions,
): PoolDecision | undefined {
  try {
    return decideSeenPool(pool, moment, options);
  } catch {
    return undefined;
  }
}
