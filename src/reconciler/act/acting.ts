// What every action gets, and how it tells what it did. Actions run inside the transaction that
// holds the pool's lock, each in a savepoint of its own.
import { createId, type WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { Transaction } from '../../store/database.ts';
import { insertPoolEvents } from '../../store/pool-event.ts';
import type { SeenPool } from '../seen-pool.ts';

export interface Acting {
  readonly kit: Kit;
  readonly tx: Transaction;
  readonly pool: SeenPool;
}

/** One line for the log, written once the transaction has committed. */
export interface Done {
  readonly event: string;
  readonly level: 'info' | 'critical';
  readonly fields: Readonly<Record<string, unknown>>;
  /** Workspaces concerned. */
  readonly count: number;
}

export interface PoolHappening {
  readonly kind: string;
  /** Null: it is about the pool as a whole. */
  readonly workspaceId: WorkspaceId | null;
  readonly reason?: string;
}

/** Writes the pool's events, in the transaction that does what they tell. */
export function tell({ kit, tx, pool }: Acting, happenings: readonly PoolHappening[]): void {
  insertPoolEvents(
    tx,
    happenings.map(({ kind, workspaceId, reason = null }) => ({
      id: createId(kit),
      poolId: pool.id,
      kind,
      workspaceId,
      reason,
      details: {},
    })),
  );
}
