// What attempts of an earlier life of this daemon left behind: processes that work on, and states
// that were not stored yet. Both are settled before the folders are swept, so that nothing a tool
// has made is forgotten.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { toAppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import { removeTree } from '../base/remove-tree.ts';
import { isFinal } from './ask.ts';
import type { ControlPlane } from './control-plane.ts';
import { ATTEMPT_MARK } from './driver.ts';
import { readHeldState, STATE_FILE } from './held-state.ts';
import { findMarked, signalProcess } from './marked-process.ts';
import type { Registration } from './registration.ts';
import { readState } from './state-keeper.ts';
import { putAside, type Folders } from './work-folder.ts';

/** What a tool is given to end in order, which is when it writes down what it has made. */
const INTERRUPT_MS = 60_000;
const POLL_MS = 50;

/** Ends the processes that still work for attempts below `workDir`: interrupted first, then killed. */
export async function endLeftoverProcesses({ clock, log }: Kit, workDir: string): Promise<void> {
  // An attempt that has ended has no folder any more: what it left running was meant to stay.
  const isOurs = (folder: string): boolean =>
    folder.startsWith(`${workDir}${path.sep}`) && existsSync(folder);
  const find = (): readonly ProcessIdentity[] =>
    [...findMarked(ATTEMPT_MARK, isOurs).values()].flat();

  const found = find();
  if (found.length === 0) return;
  log.warn('leftover.processes_found', { pids: found.map(({ pid }) => pid) });
  for (const identity of found) signalProcess(identity, 'SIGINT');
  const deadlineMs = clock.monotonicMs() + INTERRUPT_MS;
  while (find().length > 0 && clock.monotonicMs() < deadlineMs) await clock.sleep(POLL_MS);
  for (let left = find(); left.length > 0; left = find()) {
    for (const identity of left) signalProcess(identity, 'SIGKILL');
    await clock.sleep(POLL_MS);
  }
}

export interface LeftoverDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'keepState'>;
  readonly registration: Registration;
  readonly folders: Folders;
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
