// Repeats the ready checks of the workspaces that run, each in its own rhythm: one that hangs delays
// no other.
import { isAborted } from '../../../base/abort.ts';
import type { Clock } from '../../../base/clock.ts';
import { isReady, type Checked } from './ready-check.ts';

export interface ReadyWatch {
  /** What the last check said; false before there was one. */
  isReady(workspaceId: string): boolean;
  /** Checks these from now on, by workspace id, and no others. */
  follow(checked: ReadonlyMap<string, Checked>): void;
}

interface Followed {
  ready: boolean;
  readonly stop: AbortController;
}

/** Calls `onChange` when a check says something new. */
export function createReadyWatch(clock: Clock, onChange: () => void): ReadyWatch {
  const followed = new Map<string, Followed>();

  const run = async (checked: Checked, entry: Followed): Promise<void> => {
    const { signal } = entry.stop;
    const intervalMs = checked.check.interval_seconds * 1000;
    while (!signal.aborted) {
      const ready = await isReady(clock, checked, signal);
      const isNews = !isAborted(signal) && ready !== entry.ready;
      entry.ready = ready;
      if (isNews) onChange();
      await clock.sleep(intervalMs, signal).catch(() => undefined); // the loop ends then
    }
  };

  return {
    isReady: (workspaceId) => followed.get(workspaceId)?.ready ?? false,
    follow: (checked) => {
      for (const [id, { stop }] of followed) {
        if (checked.has(id)) continue;
        stop.abort();
        followed.delete(id);
      }
      for (const [id, one] of checked) {
        if (followed.has(id)) continue;
        const entry = { ready: false, stop: new AbortController() };
        followed.set(id, entry);
        void run(one, entry);
      }
    },
  };
}
