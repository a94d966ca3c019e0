// A reconciler that hears what a test tells it and nothing else, and the turns that its pools have. It has made its
// first pass and makes no other; whoever waits in a line goes on waiting.
import type { Clock } from '../../src/base/clock.ts';
import type { PoolId } from '../../src/base/id.ts';
import { createReconciler, type Reconciler } from '../../src/reconciler/reconciler.ts';
import type { Precedence } from '../../src/base/precedence.ts';
import type { Notice } from '../../src/store/notice.ts';
import { createNoticeSubscribers } from '../../src/store/notice-subscribers.ts';
import { RECONCILER_OPTIONS } from './reconcile.ts';
import type { TestStore } from './store.ts';
import { recordTurns } from './turns.ts';

export interface ToldReconciler {
  readonly reconciler: Reconciler;
  /** A pool for each of its turns, in their order. */
  readonly turns: PoolId[];
  /** Tells it what a bus would. */
  hear(notice: Notice): void;
}

export interface ToldReconcilerOptions {
  /** The machine's unless given. */
  readonly clock?: Clock;
  readonly precedence: Pick<Precedence, 'behind'>;
  readonly maxCreationsInFlight: number | null;
}

const DAY_MS = 86_400_000;

export async function startToldReconciler(
  { kit, database }: Pick<TestStore, 'kit' | 'database'>,
  { clock = kit.clock, precedence, maxCreationsInFlight }: ToldReconcilerOptions,
): Promise<ToldReconciler> {
  const { log, had } = recordTurns();
  const subscribers = createNoticeSubscribers(log);
  const reconciler = createReconciler(
    { ...kit, clock, log },
    {
      ...{ database, precedence, bus: { subscribe: subscribers.add } },
      serveWaiters: async () => () => undefined,
    },
    { ...RECONCILER_OPTIONS, intervalMs: DAY_MS, maxCreationsInFlight },
  );
  await reconciler.start();
  await reconciler.pass();
  return { reconciler, turns: had, hear: subscribers.tell };
}
