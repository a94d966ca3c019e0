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
import { readHeldState, STATE_FILE, type HeldState } from './held-state.ts';
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
  const found = await findState(folder);
  const outcome =
    found.kind === 'state' ? await store(deps, { folder, ...found }, signal) : found.kind;
  if (outcome === 'again') return false;
  // What is written there from now on is the next life's to store.
  if (deps.inUse.has(folder)) return true;
  if (outcome === 'refused' || outcome === 'unclear') await putAside(deps, folder);
  else await sweep(deps, folder);
  return true;
}

type Found =
  | { readonly kind: 'nothing' | 'unclear' }
  | { readonly kind: 'state'; readonly held: HeldState; readonly state: string };

async function findState(folder: string): Promise<Found> {
  const held = await readHeldState(folder);
  if (held === undefined || held === 'unclear') return { kind: held ?? 'nothing' };
  const state = await readState(path.join(folder, STATE_FILE));
  return state === undefined ? { kind: 'nothing' } : { kind: 'state', held, state };
}

async function store(
  { kit, controlPlane, registration }: LeftoverDeps,
  left: { readonly folder: string; readonly held: HeldState; readonly state: string },
  signal: AbortSignal,
): Promise<'stored' | 'refused' | 'again'> {
  const { folder, held, state } = left;
  const { job_id: jobId, attempt, lock } = held;
  try {
    await failpoint('daemon.leftover_found');
    const ref = { ...(await registration.get()), jobId, attempt };
    const kept = await controlPlane.keepState(ref, { lock, sequence: 0, state }, signal);
    kit.log.info('leftover.state_kept', { jobId, attempt, kept });
    await failpoint('daemon.leftover_kept');
    return 'stored';
  } catch (thrown) {
    signal.throwIfAborted();
    const error = toAppError(thrown);
    kit.log.warn('leftover.state_not_kept', { folder, error });
    return isFinal(error) ? 'refused' : 'again';
  }
}

async function sweep({ kit }: LeftoverDeps, folder: string): Promise<void> {
  // What cannot be removed is in nobody's way: its state is stored.
  await removeTree(folder).catch((error: unknown) =>
    kit.log.error('leftover.not_removed', { folder, error }),
  );
}
