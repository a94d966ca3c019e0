// The states that attempts of an earlier life of this daemon left behind: stored before their folders
// are swept, so that nothing a tool has made is forgotten.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { toAppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import { removeTree } from '../base/remove-tree.ts';
import { isFinal } from './ask.ts';
import type { ControlPlane } from './control-plane.ts';
import { readHeldState, STATE_FILE } from './held-state.ts';
import type { Registration } from './registration.ts';
import { readState } from './state-keeper.ts';
import { putAside, type Folders } from './work-folder.ts';

export interface LeftoverDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'keepState'>;
  readonly registration: Registration;
  readonly folders: Folders;
  /** Where processes of an earlier life work on. */
  readonly inUse: ReadonlySet<string>;
}

const RETRY = { firstMs: 250, maxMs: 15_000 };

/**
 * Stores the states that are left in work folders, for as long as it takes, and removes the folders.
 * Rejects when `signal` aborts; what is still there is left to the next life.
 */
export async function settleLeftovers(deps: LeftoverDeps, signal: AbortSignal): Promise<void> {
  const backoff = createBackoff(deps.kit.rng, RETRY);
  for (const name of await readdir(deps.folders.work)) {
    const folder = path.join(deps.folders.work, name);
    while (!(await settleFolder(deps, folder, signal))) {
      await deps.kit.clock.sleep(backoff.nextMs(), signal);
    }
    backoff.reset();
  }
}

/** False when it has to be tried again. */
async function settleFolder(
  deps: LeftoverDeps,
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { log } = deps.kit;
  const { inUse } = deps;
  try {
    await storeLeftState(deps, folder, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toAppError(thrown);
    log.warn('leftover.state_not_kept', { folder, error });
    if (!isFinal(error) && error.code !== 'BUILD_FAILED') return false;
    await putAside(deps, folder);
    return true;
  }
  // What is written there from now on is the next life's to store.
  if (inUse.has(folder)) return true;
  // What cannot be removed is in nobody's way: its state is stored.
  await removeTree(folder).catch((error: unknown) =>
    log.error('leftover.not_removed', { folder, error }),
  );
  return true;
}

async function storeLeftState(
  { kit, controlPlane, registration }: LeftoverDeps,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const held = await readHeldState(folder);
  const state = held === undefined ? undefined : await readState(path.join(folder, STATE_FILE));
  if (held === undefined || state === undefined) return;
  await failpoint('daemon.leftover_found');
  const { job_id: jobId, attempt, lock } = held;
  const ref = { ...(await registration.get()), jobId, attempt };
  const kept = await controlPlane.keepState(ref, { lock, sequence: 0, state }, signal);
  kit.log.info('leftover.state_kept', { jobId, attempt, kept });
  await failpoint('daemon.leftover_kept');
}
