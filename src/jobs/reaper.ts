// The regular look for jobs that nobody works on or that run for too long, for states, secrets and keys
// to clear away, and the watch over agents' signs of life, which claims and pools judge by. What takes long
// is no chore of this one: a watch that is kept late puts judging off.
import type { Kit } from '../base/kit.ts';
import type { Service } from '../base/service.ts';
import { PLANNING_DRIVERS } from '../domain/job/rehearsal.ts';
import type { Keyring } from '../keys/keyring.ts';
import { resealRetired } from '../keys/rotate.ts';
import type { Database } from '../store/database.ts';
import { findIdleReaping } from '../store/idle-chores.ts';
import { removeUnneededSecrets } from '../store/secret-parameters.ts';
import { deleteCanaries } from './canary.ts';
import { createChores } from './chores.ts';
import { clearOwnerValues } from './clear-owner-values.ts';
import { createRestoreWatch } from './restore-watch.ts';
import { rehearseWaiting } from './rehearse.ts';
import { queueStrayCleanups } from './state/clean-strays.ts';
import { sweepJobs, type SweepOptions } from './sweep-jobs.ts';
import { sweepOverruns, type RunTimeOptions } from './sweep-overruns.ts';
import { watchAgents, type WatchOptions } from './watch-agents.ts';

export interface ReaperOptions extends SweepOptions, RunTimeOptions, WatchOptions {
  /** What new owners gave is kept so long for agents that do not come for it. */
  readonly ownerValuesTimeoutMs: number;
}

export function createReaper(
  given: Kit & { readonly database: Database; readonly keyring: Keyring },
  options: ReaperOptions,
): Service {
  const name = 'reaper';
  const deps = { ...given, log: given.log.child({ component: name }) };
  const { intervalMs } = options;
  return createChores(given, {
    name,
    intervalMs,
    findIdle: async () =>
      (await findIdleReaping.one(deps.database, { drivers: PLANNING_DRIVERS })).idle,
    chores: {
      agent_watch: () => watchAgents(deps, options),
      // A database may be put back beneath a control plane that runs.
      restored: createRestoreWatch(deps),
      // A failed sweep is made up for: the gap it leaves puts judging off.
      jobs: () => sweepJobs(deps, options),
      overruns: () => sweepOverruns(deps, options),
      strays: () => queueStrayCleanups(deps),
      canaries: () => deleteCanaries(deps),
      rehearsals: () => rehearseWaiting(deps),
      secrets: () => removeUnneededSecrets(deps.database),
      owner_values: () => clearOwnerValues(deps, options),
      keys: () => resealRetired(deps),
    },
  });
}
