// The state of a prebuild for the rehearsal of its claim: a copy, without its lock, on which nothing is
// ever written back.
import { AppError } from '../../base/app-error.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Database } from '../../store/database.ts';
import { findRehearsedState } from '../../store/rehearsal.ts';
import { staleAttempt, type AttemptRef } from '../attempt.ts';
import { unpackState } from './packed-state.ts';

/**
 * Null where the prebuild has no state. Throws ATTEMPT_STALE unless the daemon works on this attempt of a
 * rehearsal, and PREBUILD_GONE when there is nothing left to claim: another prebuild is rehearsed then.
 */
export async function copyState(
  { database, keyring }: { readonly database: Database; readonly keyring: Keyring },
  attempt: AttemptRef,
): Promise<string | null> {
  const { jobId, daemon } = attempt;
  const asked = { jobId, attempt: attempt.attempt, daemonId: daemon.daemonId };
  const found = await findRehearsedState.maybe(database, asked);
  if (found === undefined) throw staleAttempt(attempt, 'it is no running rehearsal of this daemon');
  const { workspaceId, isStillThere, state: lockNumber, keyId, sealed } = found;
  if (!isStillThere) {
    throw new AppError('PREBUILD_GONE', `prebuild ${workspaceId} was claimed or deleted meanwhile`);
  }
  if (lockNumber === null || keyId === null || sealed === null) return null;
  return unpackState(keyring, { workspaceId, lockNumber }, { keyId, sealed });
}
