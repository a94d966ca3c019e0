// The regular pruning of old logs. Any number of replicas may do it at once; each sweep takes a
// bounded number of lines away, in transactions of their own that lock these lines alone.
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import { deleteLogLines, findPrunableJobs, markLogPruned } from '../store/job-log-prune.ts';

export interface PruneOptions {
  /** Logs of jobs that ended longer ago go; 0: they stay for ever. */
  readonly retentionMs: number;
}

/** Of one statement: some milliseconds. */
const BATCH_LINES = 1_000;
/**
 * Of one sweep. Every 10 s that is as much as 2,000 lines a second, far more than installations write
 * over a month; one that was turned on late catches up meanwhile.
 */
const BATCHES = 20;
const JOBS = 200;

/** Gives the number of lines that were taken away. */
export async function pruneLogs(
  { database, log }: Kit & { readonly database: Database },
  { retentionMs }: PruneOptions,
): Promise<number> {
  if (retentionMs === 0) return 0;
  const due = await findPrunableJobs.all(database, { afterMs: retentionMs, limit: JOBS });
  let batchesLeft = BATCHES;
  let lines = 0;
  let jobs = 0;
  for (const { id: jobId } of due) {
    let deleted = BATCH_LINES;
    while (deleted === BATCH_LINES && batchesLeft > 0) {
      batchesLeft -= 1;
      deleted = await deleteLogLines.run(database, { jobId, limit: BATCH_LINES });
      lines += deleted;
    }
    if (deleted === BATCH_LINES) break;
    jobs += await markLogPruned.run(database, { jobId });
  }
  if (jobs > 0) log.info('job.logs_pruned', { jobs, lines });
  return lines;
}
