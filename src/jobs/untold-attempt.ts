// Attempts that no daemon has heard of, and none will: the job was taken, and the answer is not given.
import type { AcquireCallId, JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import type { Database } from '../store/database.ts';
import { listTakenByCalls, releaseJob } from '../store/job-release.ts';
import type { DaemonRef } from './attempt.ts';
import { finishJob } from './finish-job.ts';
import { lockJob } from './locked-job.ts';

type Deps = Kit & { readonly database: Database };

export interface Untold {
  readonly id: JobId;
  readonly attempt: number;
  /** The call for work whose answer it is, or was. */
  readonly takenByCall: AcquireCallId;
}

/** As if nobody had taken it: without this the job would stay silent until it counts as hung. */
export async function giveBack(deps: Deps, untold: Untold): Promise<void> {
  const { database, log } = deps;
  const released = await releaseJob.maybe(database, untold);
  if (released !== undefined) {
    log.info('job.given_back', { jobId: untold.id, attempt: untold.attempt });
    database.announce([{ kind: 'queue', ...released }]);
    return;
  }
  // Canceled meanwhile, it waits for a daemon to say that it has stopped.
  await endUntold(deps, untold, { outcome: 'canceled' });
}

/** Ends the job with this result, or as canceled where somebody has asked for that meanwhile. */
export async function endUntold(
  { database, ...kit }: Deps,
  { id, attempt, takenByCall }: Untold,
  result: JobResult,
): Promise<void> {
  await database.transaction(async (tx) => {
    const locked = await lockJob(tx, id);
    if (locked?.job.attempt !== attempt || locked.job.takenByCall !== takenByCall) return;
    const { status } = locked.job;
    if (status === 'running') await finishJob(kit, tx, { locked, result });
    if (status === 'canceling') {
      await finishJob(kit, tx, { locked, result: { outcome: 'canceled' } });
    }
  });
}

/**
 * Gives back what former calls of this daemon for work have taken, to which it got no answer. One that
 * a control plane is still at may take something afterwards: the daemon names it for a while.
 */
export async function giveBackLost(
  deps: Deps,
  daemon: DaemonRef,
  calls: readonly AcquireCallId[],
): Promise<void> {
  if (calls.length === 0) return;
  const lost = await listTakenByCalls.all(deps.database, { ...daemon, calls });
  for (const untold of lost) await giveBack(deps, untold);
}
