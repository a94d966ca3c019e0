// Repeats the ready checks of the workspaces that run, each in its own rhythm: one that hangs delays
// no other.
import { isAborted } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import type { ReadyCheck } from '../../contract/manifest/schema.ts';
import { tryFor } from './probe.ts';

export interface Checked {
  readonly check: ReadyCheck;
  /** Makes it once. What it throws means that it is not ready. */
  isReady(signal: AbortSignal): Promise<boolean>;
}

export interface ReadyWatch {
  /** What the last check of that name said; false before there was one. */
  isReady(name: string): boolean;
  /** Those that are made, by name. */
  followed(): ReadonlyMap<string, Followed>;
  /**
   * Makes these from now on, each under a name of its own for as long as it is the same, and no others of
   * `former`, which are all where nothing is said. One that was begun anew since is none of these.
   */
  follow(checked: ReadonlyMap<string, Checked>, former?: ReadonlyMap<string, Followed>): void;
  /** Makes this one as well. */
  begin(name: string, checked: Checked): void;
  /** Makes it no more, and forgets what it said. */
  forget(name: string): void;
}

export interface Followed {
  ready: boolean;
  readonly stop: AbortController;
}

/** Until it is ready for the first time, the first pause; each is twice the one before, up to the check's own. */
const FIRST_PAUSE_MS = 5;

/** Calls `onChange` when a check says something new. */
export function createReadyWatch(clock: Clock, onChange: () => void): ReadyWatch {
  const followed = new Map<string, Followed>();

  const run = async (checked: Checked, entry: Followed): Promise<void> => {
    const { check } = checked;
    const { signal } = entry.stop;
    const isReady = (stop: AbortSignal): Promise<boolean> => checked.isReady(stop);
    const timeoutMs = check.timeout_seconds * 1000;
    const intervalMs = check.interval_seconds * 1000;
    let pauseMs = Math.min(FIRST_PAUSE_MS, intervalMs);
    while (!signal.aborted) {
      const ready = await tryFor(clock, isReady, { timeoutMs, signal });
      const isNews = !isAborted(signal) && ready !== entry.ready;
      entry.ready = ready;
      if (isNews) onChange();
      if (ready) pauseMs = intervalMs;
      await clock.sleep(pauseMs, signal).catch(() => undefined); // the loop ends then
      pauseMs = Math.min(pauseMs * 2, intervalMs);
    }
  };

  const begin: ReadyWatch['begin'] = (name, checked) => {
    if (followed.has(name)) return;
    const entry = { ready: false, stop: new AbortController() };
    followed.set(name, entry);
    void run(checked, entry);
  };

  const forget: ReadyWatch['forget'] = (name) => {
    followed.get(name)?.stop.abort();
    followed.delete(name);
  };

  return {
    isReady: (name) => followed.get(name)?.ready ?? false,
    followed: () => new Map(followed),
    begin,
    forget,
    follow: (checked, former = new Map(followed)) => {
      for (const [name, entry] of former) {
        if (!checked.has(name) && followed.get(name) === entry) forget(name);
      }
      for (const [name, one] of checked) begin(name, one);
    },
  };
}
