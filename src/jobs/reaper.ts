// The regular look for jobs that nobody works on or that run for too long, for states, secrets and keys
// to clear away and for what is too old, and the watch over agents' signs of life, which claims and pools
// judge by. Every replica runs one. A step that fails keeps none of the others from its work.
import { mayPass } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { createService, type Service } from '../base/service.ts';
import type { Keyring } from '../keys/keyring.ts';
import { resealRetired } from '../keys/rotate.ts';
import type { Database } from '../store/database.ts';
import { dropOldIdempotencyKeys } from '../store/idempotency-key.ts';
import { AGENT_WATCH } from '../store/live-pool/ready-now.ts';
import { removeUnneededSecrets } from '../store/secret-parameters.ts';
import { keepWatch } from '../store/watch.ts';
import { pruneLogs, type PruneOptions } from './prune-logs.ts';
import { createRestoreWatch } from './restore-watch.ts';
import { queueStrayCleanups } from './state/clean-strays.ts';
import { sweepJobs, type SweepOptions } from './sweep-jobs.ts';
import { sweepOverruns, type RunTimeOptions } from './sweep-overruns.ts';

export interface ReaperOptions extends SweepOptions, RunTimeOptions, PruneOptions {
  /** How long agents have, after time in which nobody looked, to show that they live. */
  readonly agentTimeoutMs: number;
}

export function createReaper(
  deps: Kit & { readonly database: Database; readonly keyring: Keyring },
  options: ReaperOptions,
): Service {
  const { clock, rng } = deps;
  const log = deps.log.child({ component: 'reaper' });
  const { intervalMs, agentTimeoutMs } = options;
  const steps: Readonly<Record<string, () => Promise<unknown>>> = {
    agent_watch: () =>
      keepWatch.one(deps.database, { name: AGENT_WATCH, intervalMs, timeoutMs: agentTimeoutMs }),
    // A database may be put back beneath a control plane that runs.
    restored: createRestoreWatch({ ...deps, log }),
    jobs: () => sweepJobs({ ...deps, log }, options),
    overruns: () => sweepOverruns({ ...deps, log }, options),
    strays: () => queueStrayCleanups({ ...deps, log }),
    secrets: () => removeUnneededSecrets(deps.database),
    keys: () => resealRetired({ ...deps, log }),
    logs: () => pruneLogs({ ...deps, log }, options),
    idempotency_keys: () => dropOldIdempotencyKeys(deps.database),
  };
  const failures = new Map<string, number>();
  const look = async (): Promise<void> => {
    for (const [step, work] of Object.entries(steps)) {
      try {
        await work();
        failures.delete(step);
      } catch (error) {
        // A failed sweep is made up for: the gap it leaves puts judging off.
        const times = (failures.get(step) ?? 0) + 1;
        failures.set(step, times);
        log.warn('reaper.step_failed', { step, times, error });
        // Without a database the others could only wait in vain too.
        if (mayPass(error)) return;
      }
    }
  };
  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await look();
      // Never later than the interval, or a look on time would pass for a gap.
      const pauseMs = intervalMs * (0.8 + 0.2 * rng.next());
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  };
  return createService(clock, {
    name: 'reaper',
    start: async (scope) => scope.background(run(scope.signal)),
  });
}
