// A clock that stands still until a test moves it.
import type { Clock, Instant } from '../../src/base/clock.ts';

export interface ManualClock extends Clock {
  /** Moves the time, ends the sleeps that fall due on the way in their order, and lets their work go on. */
  advance(ms: number): Promise<void>;
  /** Moves the time at once, as if the machine had slept: each sleep that fell due meanwhile ends now. */
  leap(ms: number): Promise<void>;
  /** How many sleep now. */
  sleeping(): number;
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

export function createManualClock(startAt: Instant = Date.UTC(2026, 0, 2, 8)): ManualClock {
  let elapsedMs = 0;
  const sleepers = new Set<Sleeper>();
  const dueBy = (untilMs: number): readonly Sleeper[] =>
    [...sleepers].filter((sleeper) => sleeper.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs);
  return {
    now: () => startAt + elapsedMs,
    monotonicMs: () => elapsedMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const fail = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason as Error);
        };
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', fail);
          resolve();
        };
        const sleeper = { dueMs: elapsedMs + ms, wake };
        if (signal?.aborted === true) {
          fail();
          return;
        }
        sleepers.add(sleeper);
        signal?.addEventListener('abort', fail, { once: true });
      }),
    advance: async (ms) => {
      const untilMs = elapsedMs + ms;
      for (;;) {
        const [due] = dueBy(untilMs);
        if (due === undefined) break;
        elapsedMs = Math.max(elapsedMs, due.dueMs);
        due.wake();
        await settle();
      }
      elapsedMs = untilMs;
      await settle();
    },
    leap: async (ms) => {
      elapsedMs += ms;
      for (const due of dueBy(elapsedMs)) {
        due.wake();
        await settle();
      }
    },
    sleeping: () => sleepers.size,
  };
}

/** Lets everything run that waits for nothing but promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
