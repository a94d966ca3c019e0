// Attempts that no daemon has heard of, and none will: the job was taken, and the answer is not given.
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import type { Database } from '../store/database.ts';
import { releaseJob, type TakenJob } from '../store/job-acquire.ts';
import { finishJob } from './finish-job.ts';
import { lockJob } from './locked-job.ts';

type Deps = Kit & { readonly database: Database };
type Untold = Pick<TakenJob, 'id' | 'attempt'>;

/** As if nobody had taken it: without this the job would stay silent until it counts as hung. */
export async function giveBack(deps: Deps, { id, attempt }: Untold): Promise<void> {
  const { database, log } = deps;
  const released = await releaseJob.maybe(database, { id, attempt });
  if (released !== undefined) {
    log.info('job.given_back', { jobId: id, attempt });
    database.announce([{ kind: 'queue', ...released }]);
    return;
  }
  // Canceled meanwhile, it waits for a daemon to say that it has stopped.
  await endUntold(deps, { id, attempt }, { outcome: 'canceled' });
}

/** Ends the job with this result, or as canceled where somebody has asked for that meanwhile. */
export async function endUntold(
  { database, ...kit }: Deps,
  { id, attempt }: Untold,
  result: JobResult,
): Promise<void> {
  await database.transaction(async (tx) => {
    const locked = await lockJob(tx, id);
    if (locked?.job.attempt !== attempt) return;
    const { status } = locked.job;
    if (status === 'running') await finishJob(kit, tx, { locked, result });
    if (status === 'canceling') {
      await finishJob(kit, tx, { locked, result: { outcome: 'canceled' } });
    }
  });
}
