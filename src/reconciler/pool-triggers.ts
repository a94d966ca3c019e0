// Which pools notices give a turn, and how soon: who waits in a line is served at once, what was claimed is replaced
// behind claims that are under way, and what goes as it should is looked at a little later.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Precedence } from '../base/precedence.ts';
import type { ServiceScope } from '../base/service.ts';
import type { NoticeBus } from '../store/notice-bus.ts';
import { createBoundaryTimers, NO_TIMERS } from './boundary-timers.ts';
import { createBudgetLine } from './budget-line.ts';
import type { PoolOutcome, WithheldCreation } from './reconcile-pool.ts';
import { createRefillTimer } from './refill-timer.ts';

export interface PoolTriggers {
  /** Hears notices from now on. Gives what ends that. */
  listen(bus: Pick<NoticeBus, 'subscribe'>, scope: ServiceScope): readonly (() => void)[];
  /** The pool's turn begins: what is told from now on asks for the next one. */
  begin(poolId: PoolId): TriggeredTurn;
}

export interface TriggeredTurn {
  end(outcome: PoolOutcome, found: { readonly line: boolean }): void;
  /** Nothing was done, and the pool has its turn again. */
  fail(): void;
}

interface Deps extends Pick<Kit, 'clock' | 'meter'> {
  readonly precedence: Pick<Precedence, 'behind'>;
  /** Puts the pool in the queue; one that has stopped takes nothing. */
  readonly add: (poolId: PoolId) => void;
}

/** What refills a pool waits so long at most for claims that are under way; pools have reserves for it. */
const REFILL_WAITS_MS = 1_000;
/** A pool that nothing waits for is looked at so long after it came on as it should, unless something else happens. */
const PROGRESS_WAITS_MS = 1_000;

export function createPoolTriggers({ precedence, add, ...kit }: Deps): PoolTriggers {
  /** Somebody has joined the pool's line since its last turn, or was in it then. */
  const withLine = new Set<PoolId>();
  /** Their last turn held nothing back and left nobody in a line: that starts of theirs end well changes nothing. */
  const content = new Set<PoolId>();
  const refills = createRefillTimer(kit);
  const budgets = createBudgetLine();
  /** Came on as they should since their last turn began. */
  const cameOn = new Set<PoolId>();
  let progress = NO_TIMERS;

  /** Have something to do, behind claims that are under way. */
  const givingWay = new Set<PoolId>();
  const addInItsTurn = (poolId: PoolId): void => {
    if (withLine.has(poolId)) add(poolId);
    else if (!givingWay.has(poolId)) {
      givingWay.add(poolId);
      const addAfterwards = async (): Promise<void> => {
        givingWay.delete(poolId);
        add(poolId);
      };
      // A stop does not wait for it either.
      void precedence.behind(REFILL_WAITS_MS, addAfterwards);
    }
  };

  /** What happens in one pool may leave room for another one. */
  const addHeldBack = (poolId: PoolId): void => {
    const waiting = budgets.next(poolId);
    if (waiting !== undefined) addInItsTurn(waiting);
  };

  const onPool = (poolId: PoolId): void => {
    refills.note(poolId);
    addInItsTurn(poolId);
    addHeldBack(poolId);
  };

  const onProgress = (poolId: PoolId): void => {
    cameOn.add(poolId);
    if (!content.has(poolId)) onPool(poolId);
    else {
      progress.bringForward(poolId, PROGRESS_WAITS_MS);
      addHeldBack(poolId);
    }
  };

  const onLine = (poolId: PoolId): void => {
    withLine.add(poolId);
    onPool(poolId);
  };

  return {
    listen: (bus, { signal, background }) => {
      const timers = createBoundaryTimers<PoolId>(kit, { signal, onDue: add });
      background(timers.running);
      progress = timers;
      return [
        bus.subscribe('pool', (hint) => {
          if (hint.kind === 'pool') onPool(hint.poolId);
        }),
        bus.subscribe('progress', (hint) => {
          if (hint.kind === 'progress') onProgress(hint.poolId);
        }),
        bus.subscribe('line', (hint) => {
          if (hint.kind === 'line') onLine(hint.poolId);
        }),
        bus.subscribe('daemon', (hint) => {
          if (hint.kind === 'daemon') budgets.waiting(hint.organizationId).forEach(add);
        }),
      ];
    },
    begin: (poolId) => {
      cameOn.delete(poolId);
      progress.set(poolId, null);
      const refill = refills.begin(poolId);
      return {
        end: (outcome, found) => {
          refill.end(outcome);
          const isContent = !found.line && !holdsBack(outcome);
          put(withLine, poolId, found.line);
          put(content, poolId, isContent);
          // The turn may not have seen what somebody waits for.
          if (!isContent && cameOn.has(poolId)) addInItsTurn(poolId);
          if (outcome.kind === 'reconciled') {
            budgets.note(outcome.organizationId, poolId, outcome.withheld.some(isOverBudget));
          }
        },
        fail: () => refill.fail(),
      };
    },
  };
}

function put<T>(set: Set<T>, one: T, isIn: boolean): void {
  if (isIn) set.add(one);
  else set.delete(one);
}

function holdsBack(outcome: PoolOutcome): boolean {
  return outcome.kind === 'reconciled' && outcome.withheld.length > 0;
}

function isOverBudget({ reason }: WithheldCreation): boolean {
  return reason === 'budget' || reason === 'quota';
}
