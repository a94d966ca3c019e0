// The states that attempts of an earlier life of this daemon left behind: stored before their folders
// are swept, so that nothing a tool has made is forgotten.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError, toAppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import { removeTree } from '../base/remove-tree.ts';
import { isFinal } from './ask.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Driver } from './driver.ts';
import { readHeldState, readStateFile, type HeldState } from './held-state.ts';
import type { Registration } from './registration.ts';
import { filesOf, putAside, type Folders } from './work-folder.ts';

export interface LeftoverDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'keepState'>;
  readonly registration: Registration;
  readonly folders: Folders;
  readonly drivers: readonly Pick<Driver, 'rescueState'>[];
  /** Where processes of an earlier life work on. */
  readonly inUse: ReadonlySet<string>;
}

const RETRY = { firstMs: 250, maxMs: 15_000 };

/**
 * Stores the states that are left in work folders and removes the folders, for as long as the control
 * plane is away. A folder with a fault of its own stays where it is: it holds up nobody. Rejects when
 * `signal` aborts; what is still there is left to the next life.
 */
export async function settleLeftovers(deps: LeftoverDeps, signal: AbortSignal): Promise<void> {
  const { work } = deps.folders;
  const backoff = createBackoff(deps.kit.rng, RETRY);
  let waiting = (await readdir(work)).map((name) => path.join(work, name));
  for (;;) {
    const again: string[] = [];
    for (const folder of waiting) {
      if (!(await isSettled(deps, folder, signal))) again.push(folder);
    }
    if (again.length === 0) return;
    waiting = again;
    await deps.kit.clock.sleep(backoff.nextMs(), signal);
  }
}

/** False when the control plane has to be asked again. */
async function isSettled(
  deps: LeftoverDeps,
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await settleFolder(deps, folder, signal);
  } catch (error) {
    signal.throwIfAborted();
    deps.kit.log.critical('leftover.stays', {
      folder,
      error,
      hint: 'Its state is not stored yet. Mend what the error names, then start the daemon again: each start tries.',
    });
    return true;
  }
}

/** As isSettled. Throws what is wrong with the folder. */
async function settleFolder(
  deps: LeftoverDeps,
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  const held = await readHeldState(folder);
  const outcome =
    typeof held === 'object'
      ? await settleState(deps, { folder, held }, signal)
      : (held ?? 'settled');
  if (outcome === 'again') return false;
  // What is written there from now on is the next life's to store.
  if (deps.inUse.has(folder)) return true;
  await (outcome === 'unclear' ? putAside(deps, folder) : sweep(deps, folder));
  return true;
}

interface Left {
  readonly folder: string;
  readonly held: HeldState;
}

/** unclear: there is more than was stored, or may be; somebody has to look at it. */
type Outcome = 'settled' | 'unclear' | 'again';

async function settleState(deps: LeftoverDeps, left: Left, signal: AbortSignal): Promise<Outcome> {
  const { state, fault } = await findState(deps, left);
  if (fault !== undefined) deps.kit.log.warn('leftover.state_unclear', { ...left, error: fault });
  const outcome = state === undefined ? 'settled' : await store(deps, { ...left, state }, signal);
  return outcome === 'settled' && fault !== undefined ? 'unclear' : outcome;
}

interface Found {
  /** Undefined when there is no whole one. */
  readonly state: string | undefined;
  /** Why there may have been more than that. */
  readonly fault: AppError | undefined;
}

async function findState({ drivers, inUse }: LeftoverDeps, { folder, held }: Left): Promise<Found> {
  const files = filesOf(folder);
  let fault: AppError | undefined;
  // What still works there may yet write both.
  for (const driver of inUse.has(folder) ? [] : drivers) {
    try {
      await driver.rescueState?.(files);
    } catch (error) {
      fault = toAppError(error);
    }
  }
  const file = await readStateFile(files.stateFile, held);
  if (file.kind === 'whole') return { state: file.state, fault };
  if (file.kind === 'half') fault = new AppError('BUILD_FAILED', 'the state is only half written');
  return { state: undefined, fault };
}

async function store(
  { kit, controlPlane, registration }: LeftoverDeps,
  { folder, held, state }: Left & { readonly state: string },
  signal: AbortSignal,
): Promise<Outcome> {
  const { job_id: jobId, attempt, lock } = held;
  try {
    await failpoint('daemon.leftover_found');
    const ref = { ...(await registration.get()), jobId, attempt };
    const kept = await controlPlane.keepState(ref, { lock, sequence: 0, state }, signal);
    kit.log.info('leftover.state_kept', { jobId, attempt, kept });
    await failpoint('daemon.leftover_kept');
    return 'settled';
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toAppError(thrown);
    kit.log.warn('leftover.state_not_kept', { folder, error });
    return isFinal(error) ? 'unclear' : 'again';
  }
}

async function sweep({ kit }: LeftoverDeps, folder: string): Promise<void> {
  // What cannot be removed is in nobody's way: its state is stored.
  await removeTree(folder).catch((error: unknown) =>
    kit.log.error('leftover.not_removed', { folder, error }),
  );
}
