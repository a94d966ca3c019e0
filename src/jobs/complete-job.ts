// A daemon's report of a result: one transaction, or one statement where the job is about nothing but
// itself; fenced by attempt and incarnation, and harmless when it comes twice.
import { AppError } from '../base/app-error.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import type { Keyring, Sealed } from '../keys/keyring.ts';
import type { Database } from '../store/database.ts';
import { secretOutputsPlace } from '../store/sealed-value.ts';
import type { AttemptRef } from './attempt.ts';
import type { EndAttempt } from './end-attempt.ts';
import { columnsOf, settledResult } from './finish-job.ts';
import type { FinishLoneJob } from './lone-job.ts';
import { measureBuild } from './measure-build.ts';

export interface CompleteDeps extends Pick<Kit, 'meter'> {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly finishLoneJob: FinishLoneJob;
  readonly endAttempt: EndAttempt;
}

/** A result as a daemon reports it. */
export type ReportedResult = JobResult & {
  /** What the build of a claim threw away, whatever became of it. */
  readonly replaced?: readonly Replacement[];
  /** Connection details for the workspace's owner alone. */
  readonly secretOutputs?: Readonly<Record<string, string>>;
};

/**
 * Stores the result of an attempt. The same report again is a success; another one, or one of an
 * attempt that does not count any more, throws ATTEMPT_STALE, and DAEMON_REPLACED when the daemon
 * has a newer process. Gives whether this very call has stored it.
 */
export async function completeJob(
  { database, keyring, finishLoneJob, endAttempt, ...kit }: CompleteDeps,
  attempt: AttemptRef,
  result: ReportedResult,
): Promise<boolean> {
  const secretOutputs = sealOutputs(keyring, attempt, result.secretOutputs ?? {});
  const { jobId: id, daemon } = attempt;
  const columns = columnsOf(settledResult({ overran: false }, result));
  const subject = await finishLoneJob({ id, attempt: attempt.attempt, ...daemon, ...columns });
  if (subject === undefined) throw new AppError('NOT_FOUND', `there is no job ${id}`);
  if (subject.isFinished) {
    database.announce([{ kind: 'job', jobId: id }]);
    await failpoint('job.ended');
    return true;
  }
  const { workspaceId } = subject;
  const { replaced = [] } = result;
  const finished = await endAttempt({ attempt, workspaceId, result, secretOutputs, replaced });
  if (finished !== undefined) measureBuild(kit, finished);
  await failpoint('job.ended');
  return finished !== undefined;
}

function sealOutputs(
  keyring: Keyring,
  { jobId }: AttemptRef,
  outputs: Readonly<Record<string, string>>,
): Sealed | null {
  if (Object.keys(outputs).length === 0) return null;
  return keyring.seal(secretOutputsPlace(jobId), Buffer.from(JSON.stringify(outputs)));
}
