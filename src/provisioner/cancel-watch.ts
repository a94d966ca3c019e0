// Hears of cancels as they are asked for: while the daemon works on anything, one request of it waits at
// the control plane for that. Whatever goes wrong here costs time alone, for heartbeats tell as well.
import { isAborted, OVER, whenAborted } from '../base/abort.ts';
import { toAppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Kit } from '../base/kit.ts';
import type { ControlPlane } from './control-plane.ts';
import type { AttemptName } from './driver.ts';
import type { Registration } from './registration.ts';

export interface CancelWatch {
  /** Calls `onCancel` once when the attempt is to stop, until the returned function is called. */
  listen(attempt: AttemptName, onCancel: () => void): () => void;
  /** Until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export interface CancelWatchDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'awaitCancels'>;
  readonly registration: Pick<Registration, 'get'>;
}

/** Proxies give up after a minute of silence. */
const WAIT_MS = 50_000;
const RETRY = { firstMs: 250, maxMs: 10_000 };

interface Listener {
  readonly attempt: number;
  readonly onCancel: () => void;
  isTold: boolean;
}

export function createCancelWatch({
  kit,
  controlPlane,
  registration,
}: CancelWatchDeps): CancelWatch {
  /** By job. */
  const listeners = new Map<string, Listener>();
  let someListen = new AbortController();

  const wait = async (signal: AbortSignal): Promise<boolean> => {
    const known = [...listeners].flatMap(([jobId, { isTold }]) => (isTold ? [jobId] : []));
    const registered = await registration.get();
    const canceled = await controlPlane.awaitCancels(
      registered,
      { known, waitMs: WAIT_MS },
      signal,
    );
    const news = canceled.flatMap(({ job_id: jobId, attempt }) => {
      const listener = listeners.get(jobId);
      return listener?.attempt === attempt && !listener.isTold ? [listener] : [];
    });
    for (const listener of news) {
      listener.isTold = true;
      listener.onCancel();
    }
    return news.length > 0;
  };

  return {
    listen: ({ jobId, attempt }, onCancel) => {
      const listener = { attempt, onCancel, isTold: false };
      listeners.set(jobId, listener);
      someListen.abort(OVER);
      return () => {
        if (listeners.get(jobId) === listener) listeners.delete(jobId);
      };
    },
    run: async (signal) => {
      const backoff = createBackoff(kit.rng, RETRY);
      while (!isAborted(signal)) {
        if (listeners.size === 0) {
          someListen = new AbortController();
          await whenAborted(AbortSignal.any([someListen.signal, signal]));
          continue;
        }
        try {
          // An answer without news that came at once, as from a control plane that stops, comes again.
          const askedMs = kit.clock.monotonicMs();
          const isPatient =
            (await wait(signal)) || kit.clock.monotonicMs() - askedMs >= RETRY.maxMs;
          if (isPatient) {
            backoff.reset();
            continue;
          }
        } catch (thrown) {
          if (isAborted(signal)) return;
          kit.log.debug('daemon.cancels_not_heard', { error: toAppError(thrown) });
        }
        await kit.clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // the loop ends then
      }
    },
  };
}
