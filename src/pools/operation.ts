// What operators do to pools, each with the sentence that says what it did; these are kinds of pool
// events. Whoever does one holds the locks of the pools concerned, so that a turn that is under way is
// decided before it and every later one after it.
import { createId, type PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Transaction } from '../store/database.ts';
import { insertPoolEvents } from '../store/pool-event.ts';

export const POOL_OPERATIONS = {
  paused: 'when somebody paused the pool',
  resumed: 'when somebody resumed the pool',
  all_paused: 'when somebody paused all pools',
  all_resumed: 'when somebody ended that',
  resized: 'when somebody set its size, or gave it back to the template',
  invalidated: 'when somebody had every prebuild of then replaced',
  brakes_reset: 'when somebody had its failures forgotten',
  promoted: 'when a version became the active one, or was made so again',
  deprecated: 'when its template was deprecated',
  undeprecated: 'when that ended',
  template_deleted: 'when its template was deleted',
} as const;
export type PoolOperation = keyof typeof POOL_OPERATIONS;

/** Who does it. */
export interface Operator {
  readonly username: string;
}

export interface Told {
  readonly poolIds: readonly PoolId[];
  readonly kind: PoolOperation;
  readonly by: Operator;
  readonly reason: string | null;
}

/** Writes what was done into the pools' events, and puts the pools in the queue after the commit. */
export function tellPools(kit: Kit, tx: Transaction, told: Told): void {
  recordOperation(kit, tx, told);
  tx.notify(...told.poolIds.map((poolId) => ({ kind: 'pool', poolId }) as const));
}

/** Writes what was done into the pools' events, and nothing else. */
export function recordOperation(kit: Kit, tx: Transaction, told: Told): void {
  const { poolIds, kind, by, reason } = told;
  insertPoolEvents(
    tx,
    poolIds.map((poolId) => ({
      id: createId(kit),
      poolId,
      kind,
      workspaceId: null,
      reason,
      details: { by: by.username },
    })),
  );
}
