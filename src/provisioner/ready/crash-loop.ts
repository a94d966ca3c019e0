// Tells a workspace that never comes up from one that runs, where no ready check and no agent does: by
// how often a look finds that what it runs has ended and waits to be started again.
import type { Clock } from '../../base/clock.ts';

export interface CrashLoops {
  /** A look has found all of these waiting, and no others. */
  noteWaiting(ids: readonly string[]): void;
  has(id: string): boolean;
}

/** One end, and two, may be chance. Waits grow: whatever ends at once is caught within seconds. */
const OFTEN = 3;
/** What has lived so long is no loop: an engine begins its waits anew then, too. */
const LIVES_MS = 10_000;

export function createCrashLoops(clock: Pick<Clock, 'monotonicMs'>): CrashLoops {
  const seen = new Map<string, { readonly times: number; readonly lastMs: number }>();
  return {
    noteWaiting: (ids) => {
      const nowMs = clock.monotonicMs();
      for (const [id, { lastMs }] of seen) if (nowMs - lastMs > LIVES_MS) seen.delete(id);
      for (const id of ids) {
        seen.set(id, { times: (seen.get(id)?.times ?? 0) + 1, lastMs: nowMs });
      }
    },
    has: (id) => (seen.get(id)?.times ?? 0) >= OFTEN,
  };
}
