// Notices that wait to be sent to other processes: equal ones merge, and a flood is cut off rather
// than kept, since losing notices costs time and never correctness.
import type { Log } from '../base/log.ts';

export interface Outbox {
  add(key: string): void;
  /** Takes what waits, at most `limit`. Nothing else hands the same entry out again. */
  take(limit: number): readonly string[];
  /** Back in line after a failed send. */
  putBack(keys: readonly string[]): void;
  /** Calls `wake` once, when something waits: now or as soon as something is added. */
  onAdd(wake: () => void): void;
}

export function createOutbox(log: Log, limit: number): Outbox {
  const waiting = new Set<string>();
  let wake: (() => void) | undefined;
  let dropped = 0;

  const add = (key: string): void => {
    if (waiting.has(key)) return;
    if (waiting.size >= limit) {
      // Said at the first and then rarely: a flood must not flood the log as well.
      if (dropped++ % limit === 0) log.warn('notice.dropped', { key, limit, dropped });
      return;
    }
    waiting.add(key);
  };

  return {
    add: (key) => {
      add(key);
      const woken = wake;
      wake = undefined;
      woken?.();
    },
    take: (most) => {
      const keys = [...waiting].slice(0, most);
      for (const key of keys) waiting.delete(key);
      return keys;
    },
    putBack: (keys) => keys.forEach(add),
    onAdd: (callback) => {
      if (waiting.size > 0) callback();
      else wake = callback;
    },
  };
}
