// What a cleanup needs to know: the stray state, and the current one that it must not touch. Builds and
// cleanups of one workspace take turns: a build may be making, under the same name, what the stray
// says. Each looks for the other once it is known to run itself, so that never neither sees it.
import { AppError } from '../../base/app-error.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Database } from '../../store/database.ts';
import { findNewestState } from '../../store/state.ts';
import { findStrayOfJob } from '../../store/stray-state.ts';
import { staleAttempt, type AttemptRef } from '../attempt.ts';
import { unpackState } from './packed-state.ts';

export interface StrayStates {
  readonly stray: string;
  /** Null when nothing of the workspace is left. */
  readonly current: string | null;
}

/**
 * Throws ATTEMPT_STALE unless the daemon works on this attempt of a cleanup, and BUILD_IN_PROGRESS
 * while the workspace is built: such a cleanup fails, and another is queued when the build has ended.
 */
export async function readStray(
  { database, keyring }: { readonly database: Database; readonly keyring: Keyring },
  attempt: AttemptRef,
): Promise<StrayStates> {
  const { jobId, daemon } = attempt;
  const asked = { jobId, attempt: attempt.attempt, daemonId: daemon.daemonId };
  const stray = await findStrayOfJob.maybe(database, asked);
  if (stray === undefined) throw staleAttempt(attempt, 'it is no running cleanup of this daemon');
  const { workspaceId } = stray;
  if (stray.isBuilding) {
    throw new AppError('BUILD_IN_PROGRESS', {
      detail: `workspace ${workspaceId} is being built, and what a stray state names may be part of that`,
      hint: 'Nothing has to be done: the clean-up is tried again when the build has ended.',
    });
  }
  const current = await findNewestState.maybe(database, { workspaceId });
  return {
    stray: await unpackState(keyring, stray, stray),
    current:
      current === undefined
        ? null
        : await unpackState(keyring, { workspaceId, ...current }, current),
  };
}
