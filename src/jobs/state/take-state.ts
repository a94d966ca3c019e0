// An attempt takes the lock of its workspace's state: from here on it alone writes the current state,
// and what an earlier attempt still sends is a stray.
import { AppError } from '../../base/app-error.ts';
import { failpoint } from '../../base/failpoint.ts';
import type { WorkspaceId } from '../../base/id.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Database, Transaction } from '../../store/database.ts';
import {
  findNewestState,
  findStateLock,
  holdStateLocks,
  insertStateLock,
} from '../../store/state.ts';
import { findRunningCleanup } from '../../store/stray-state.ts';
import { checkHolder, staleAttempt, type AttemptRef } from '../attempt.ts';
import { lockJob } from '../locked-job.ts';
import { unpackState } from './packed-state.ts';

export interface TakenState {
  readonly lock: number;
  /** Null before the first. */
  readonly state: string | null;
}

/**
 * Asked twice, it answers the same. Throws NOT_FOUND, ATTEMPT_STALE, DAEMON_REPLACED, and STATE_IN_USE
 * while a cleanup of a stray of the workspace runs (readStray says why).
 */
export async function takeState(
  { database, keyring }: { readonly database: Database; readonly keyring: Keyring },
  attempt: AttemptRef,
): Promise<TakenState> {
  const { lock, workspaceId, newest } = await database.transaction(async (tx) => {
    const locked = await lockJob(tx, attempt.jobId);
    if (locked === undefined || locked.workspace === null) {
      throw new AppError('NOT_FOUND', `job ${attempt.jobId} is no build of a workspace`);
    }
    const { job, workspace } = locked;
    checkHolder(attempt, job);
    if (job.status !== 'running' && job.status !== 'canceling') {
      throw staleAttempt(attempt, `it has ${job.status} already`);
    }
    await holdStateLocks.maybe(tx, { workspaceId: workspace.id });
    const taken = await findStateLock.maybe(tx, attempt);
    if (taken === undefined) await checkNoCleanup(tx, workspace.id);
    const { number } =
      taken ??
      (await insertStateLock.one(tx, {
        workspaceId: workspace.id,
        jobId: attempt.jobId,
        attempt: attempt.attempt,
        daemonId: attempt.daemon.daemonId,
      }));
    const state = await findNewestState.maybe(tx, { workspaceId: workspace.id });
    return { lock: number, workspaceId: workspace.id, newest: state };
  });
  await failpoint('state.taken');
  if (newest === undefined) return { lock, state: null };
  return { lock, state: await unpackState(keyring, { workspaceId, ...newest }, newest) };
}

async function checkNoCleanup(tx: Transaction, workspaceId: WorkspaceId): Promise<void> {
  const cleanup = await findRunningCleanup.maybe(tx, { workspaceId });
  if (cleanup === undefined) return;
  throw new AppError(
    'STATE_IN_USE',
    `job ${cleanup.jobId} still destroys what an earlier attempt at workspace ${workspaceId} has left`,
  );
}
