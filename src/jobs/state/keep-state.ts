// Storing a state. It is fenced by the workspace's lock and not by the attempt: what a daemon that
// was given up still knows must not be forgotten.
import { AppError } from '../../base/app-error.ts';
import { failpoint } from '../../base/failpoint.ts';
import { createId, type DaemonId, type JobId, type StrayStateId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Database } from '../../store/database.ts';
import { compareState, findStateLock, holdStateLocks, insertState } from '../../store/state.ts';
import { insertStrayState } from '../../store/stray-state.ts';
import { packState } from './packed-state.ts';

export interface OfferedState {
  readonly daemonId: DaemonId;
  readonly jobId: JobId;
  readonly attempt: number;
  readonly lock: number;
  /** With the sequence, the order in which the holder wrote its states. */
  readonly incarnation: number;
  readonly sequence: number;
  readonly state: string;
}

interface Deps extends Pick<Kit, 'clock' | 'rng' | 'log'> {
  readonly database: Database;
  readonly keyring: Keyring;
}

/** Throws NOT_FOUND when the attempt did not take this lock. */
export async function keepState(
  { database, keyring, ...kit }: Deps,
  offered: OfferedState,
): Promise<'current' | 'stray'> {
  const taken = await findStateLock.maybe(database, offered);
  if (taken?.number !== offered.lock || taken.daemonId !== offered.daemonId) {
    throw new AppError(
      'NOT_FOUND',
      `attempt ${offered.attempt} of job ${offered.jobId} has not taken lock ${offered.lock}`,
    );
  }
  const { workspaceId, number: lockNumber } = taken;
  const place = { workspaceId, lockNumber };
  const { incarnation, sequence } = offered;
  const order = { ...place, incarnation, sequence };
  const row = { ...order, ...(await packState(keyring, place, offered.state)) };
  const kept = await database.transaction(async (tx) => {
    await holdStateLocks.maybe(tx, { workspaceId });
    const still = await findStateLock.one(tx, offered);
    // A send whose answer was lost came again, or was held up and overtaken.
    const { isBehind } = await compareState.one(tx, order);
    if (isBehind) return still.isNewest ? 'current' : 'stray';
    if (still.isNewest) {
      await insertState.run(tx, row);
      return 'current';
    }
    await insertStrayState.run(tx, { id: createId<StrayStateId>(kit), ...row });
    return 'stray';
  });
  await failpoint('state.kept');
  if (kept === 'stray') {
    const { jobId, attempt } = offered;
    kit.log.warn('state.stray_kept', { workspaceId, jobId, attempt });
  }
  return kept;
}
