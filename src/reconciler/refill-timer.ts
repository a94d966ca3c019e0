// How long pools wait for what they lost: from the notice that something happened in a pool to the
// committed creation that answers it, on the replica that made it.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { PoolOutcome } from './reconcile-pool.ts';

export interface RefillTimer {
  /** Something happened in the pool. */
  note(poolId: PoolId): void;
  /** The pool's turn begins; the result is for its end. What is noted from now on is for the next. */
  begin(poolId: PoolId): RefillTurn;
}

export interface RefillTurn {
  end(outcome: PoolOutcome): void;
  /** Nothing was done, and the pool has its turn again. */
  fail(): void;
}

export function createRefillTimer({ clock, meter }: Pick<Kit, 'clock' | 'meter'>): RefillTimer {
  const notedMs = new Map<PoolId, number>();
  return {
    note: (poolId) => {
      if (!notedMs.has(poolId)) notedMs.set(poolId, clock.monotonicMs());
    },
    begin: (poolId) => {
      const since = notedMs.get(poolId);
      notedMs.delete(poolId);
      return {
        end: (outcome) => {
          if (since === undefined || !hasCreated(outcome)) return;
          meter.observe('refill_reaction', clock.monotonicMs() - since);
        },
        fail: () => {
          if (since !== undefined) notedMs.set(poolId, since);
        },
      };
    },
  };
}

function hasCreated(outcome: PoolOutcome): boolean {
  return (
    outcome.kind === 'reconciled' && outcome.done.some(({ event }) => event === 'pool.created')
  );
}
