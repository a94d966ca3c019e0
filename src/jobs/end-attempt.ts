// Storing what a daemon says became of its attempt at a job.
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import type { Sealed } from '../keys/keyring.ts';
import type { Database } from '../store/database.ts';
import type { LockedJob } from '../store/job.ts';
import { checkHolder, staleAttempt, type AttemptRef } from './attempt.ts';
import { finishJob, settledResult, type FinishedJob } from './finish-job.ts';
import { lockSubject } from './locked-job.ts';

export interface AttemptEnd {
  readonly attempt: AttemptRef;
  /** What the job builds; null for one that is not a workspace's build. */
  readonly workspaceId: WorkspaceId | null;
  readonly result: JobResult;
  readonly secretOutputs: Sealed | null;
  readonly replaced: readonly Replacement[];
}

/**
 * Gives undefined where the same was said before. Throws ATTEMPT_STALE, and DAEMON_REPLACED when the daemon has a newer
 * process.
 */
export type EndAttempt = (end: AttemptEnd) => Promise<FinishedJob | undefined>;

export interface EndAttemptDeps extends Pick<Kit, 'clock' | 'rng'> {
  readonly database: Database;
}

/** In a transaction of its own, which waits for whoever holds what it ends. */
export function endAlone({ database, ...kit }: EndAttemptDeps): EndAttempt {
  return (end) =>
    database.transaction(async (tx) => {
      const locked = await lockSubject(tx, end.attempt.jobId, end.workspaceId);
      return isNew(locked.job, end) ? finishJob(kit, tx, { ...end, locked }) : undefined;
    });
}

/** Whether it was not said before. Throws where it does not count. */
export function isNew(job: LockedJob, { attempt, result }: AttemptEnd): boolean {
  checkHolder(attempt, job);
  if (job.status === 'running' || job.status === 'canceling') return true;
  if (isReported(job, settledResult(job, result))) return false;
  throw staleAttempt(attempt, `it has ${job.status} already`);
}

function isReported(job: LockedJob, result: JobResult): boolean {
  if (job.status !== result.outcome) return false;
  switch (result.outcome) {
    case 'failed':
      return job.error === result.error && job.errorCode === result.errorCode;
    case 'succeeded':
      return job.outputs === null || sameEntries(job.outputs, result.outputs);
    case 'canceled':
      return true;
  }
}

function sameEntries(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
