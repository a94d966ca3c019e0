// The end of a job, in the transaction that holds its locks: the job's result, and what that means
// for the workspace, its pool and its claim.
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import { cutReplacements, type Replacement } from '../domain/job/replacement.ts';
import type { Sealed } from '../keys/keyring.ts';
import type { Transaction } from '../store/database.ts';
import { finishJobRow, type LockedJob, type ResultColumns } from '../store/job.ts';
import { markStrayDestroyed } from '../store/stray-state.ts';
import { storableText } from '../store/storable-text.ts';
import { finishBuild, finishBuildRows, type FinishedBuild } from './finish-build.ts';
import type { Locked } from './locked-job.ts';
import { resultOfOverrun } from './overrun.ts';
import { recordReplacements } from './record-replacements.ts';
import { endRehearsal } from './rehearse.ts';

export interface JobEnd {
  readonly locked: Locked;
  readonly result: JobResult;
  /** Connection details for the owner alone. */
  readonly secretOutputs?: Sealed | null;
  /** What the build of a claim threw away of the workspace, or a rehearsal found that it would. */
  readonly replaced?: readonly Replacement[];
}

/** What has become of a job, for those who measure. */
export type FinishedJob = Pick<FinishedBuild, 'job' | 'result' | 'times'>;

/** Ends a locked job that has not ended yet; announces it. */
export async function finishJob(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { locked, result, secretOutputs = null, replaced = [] }: JobEnd,
): Promise<FinishedJob> {
  const { job } = locked;
  const stored = settledResult(job, result);
  const { workspace } = locked;
  const ended = { job, result: stored };
  const columns = columnsOf(stored);
  const times =
    workspace === null
      ? await finishJobRow.one(tx, { id: job.id, ...columns })
      : await finishBuildRows(tx, { ...ended, workspace, columns, secretOutputs });
  tx.notify({ kind: 'job', jobId: job.id });
  if (job.type === 'stray_cleanup' && stored.outcome === 'succeeded') {
    await markStrayDestroyed.run(tx, { jobId: job.id });
  }
  const told = cutReplacements(replaced.map(storable));
  if (job.type === 'rehearsal')
    await endRehearsal(kit, tx, { job, result: stored, findings: told });
  const finished = { ...ended, times };
  if (workspace !== null) {
    await finishBuild(kit, tx, { ...finished, workspace });
    if (job.stage === 'claim') {
      await recordReplacements(kit, tx, { job, workspace, replaced: told });
    }
  }
  return finished;
}

/** What is stored of a result that was reported. */
export function settledResult(
  { overran }: Pick<LockedJob, 'overran'>,
  reported: JobResult,
): JobResult {
  return storableResult(overran ? resultOfOverrun(reported) : reported);
}

function storable({ address, action, paths }: Replacement): Replacement {
  return { address: storableText(address), action, paths: paths.map(storableText) };
}

/** What of a result a job's row has. */
export function columnsOf(result: JobResult): ResultColumns {
  const failed = result.outcome === 'failed' ? result : undefined;
  return {
    succeeded: result.outcome === 'succeeded',
    canceled: result.outcome === 'canceled',
    error: failed?.error ?? null,
    errorCode: failed?.errorCode ?? null,
  };
}

/** What daemons say may hold what PostgreSQL cannot keep. */
function storableResult(result: JobResult): JobResult {
  switch (result.outcome) {
    case 'succeeded': {
      const outputs = Object.entries(result.outputs).map(
        ([name, value]) => [storableText(name), storableText(value)] as const,
      );
      const resources = (result.resources ?? []).map(({ address, type }) => ({
        address: storableText(address),
        type: storableText(type),
      }));
      return { outcome: 'succeeded', outputs: Object.fromEntries(outputs), resources };
    }
    case 'failed':
      return {
        outcome: 'failed',
        error: storableText(result.error),
        errorCode: storableText(result.errorCode),
      };
    case 'canceled':
      return result;
  }
}
