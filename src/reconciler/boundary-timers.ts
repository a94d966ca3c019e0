// A timer for each pool, for the moment at which something falls due by itself. A hint like any other:
// what a lost timer would have caused, the periodic pass does.
import { OVER } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';

export interface BoundaryTimers<K extends string> {
  /** Replaces the key's timer; null: there is nothing to wait for. */
  set(key: K, afterMs: number | null): void;
  /** Has the key's timer end that soon at the latest. */
  bringForward(key: K, afterMs: number): void;
}

export interface BoundaryOptions<K extends string> {
  readonly signal: AbortSignal;
  readonly onDue: (key: K) => void;
}

/** Before there are any. */
export const NO_TIMERS: BoundaryTimers<string> = {
  set: () => undefined,
  bringForward: () => undefined,
};

/** A sleep of more than 24.8 days would end at once. */
const LONGEST_SLEEP_MS = 86_400_000;

/** Timers that wait until `signal` is aborted, and the work of waiting, which never rejects. */
export function createBoundaryTimers<K extends string>(
  { clock }: Pick<Kit, 'clock'>,
  { signal, onDue }: BoundaryOptions<K>,
): BoundaryTimers<K> & { readonly running: Promise<void> } {
  const dueAtMs = new Map<K, number>();
  let sleep = new AbortController();
  let sleepsUntilMs = Number.POSITIVE_INFINITY;

  const run = async (): Promise<void> => {
    const stop = (): void => sleep.abort(OVER);
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      const due = [...dueAtMs].filter(([, at]) => at <= nowMs).map(([key]) => key);
      for (const key of due) {
        dueAtMs.delete(key);
        onDue(key);
      }
      sleep = new AbortController();
      sleepsUntilMs = earliest(dueAtMs);
      const pauseMs = Math.min(sleepsUntilMs - nowMs, LONGEST_SLEEP_MS);
      await clock.sleep(Math.max(pauseMs, 0), sleep.signal).catch(() => undefined);
    }
    signal.removeEventListener('abort', stop);
  };

  const setAt = (key: K, at: number): void => {
    dueAtMs.set(key, at);
    if (at < sleepsUntilMs) sleep.abort(OVER);
  };

  return {
    set: (key, afterMs) => {
      if (afterMs === null) dueAtMs.delete(key);
      else setAt(key, clock.monotonicMs() + Math.max(afterMs, 0));
    },
    bringForward: (key, afterMs) => {
      const at = clock.monotonicMs() + afterMs;
      if (at < (dueAtMs.get(key) ?? Number.POSITIVE_INFINITY)) setAt(key, at);
    },
    running: run(),
  };
}

function earliest(dueAtMs: ReadonlyMap<string, number>): number {
  let first = Number.POSITIVE_INFINITY;
  for (const at of dueAtMs.values()) first = Math.min(first, at);
  return first;
}
