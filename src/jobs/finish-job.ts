// The end of a job, in the transaction that holds its locks: the job's result, and what that means
// for the workspace, its pool and its claim.
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import { cutReplacements, type Replacement } from '../domain/job/replacement.ts';
import type { Sealed } from '../keys/keyring.ts';
import type { Transaction } from '../store/database.ts';
import { finishBuildRows, finishJobRow, type LockedJob, type ResultColumns } from '../store/job.ts';
import { markStrayDestroyed } from '../store/stray-state.ts';
import { storableText } from '../store/storable-text.ts';
import { buildEnd, followBuilds, type FinishedBuild } from './finish-build.ts';
import type { Locked, LockedBuild } from './locked-job.ts';
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

export interface BuildJobEnd extends JobEnd {
  readonly locked: LockedBuild;
}

/** What has become of a job, for those who measure. */
export type FinishedJob = Pick<FinishedBuild, 'job' | 'result' | 'times'>;

/** Ends a locked job that has not ended yet; announces it. */
export async function finishJob(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  end: JobEnd,
): Promise<FinishedJob> {
  const { locked, result, replaced = [] } = end;
  const { job, workspace } = locked;
  if (workspace !== null) {
    const [finished] = await finishBuilds(kit, tx, [{ ...end, locked: { job, workspace } }]);
    if (finished === undefined) throw new Error(`the build of job ${job.id} was not ended`);
    return finished;
  }
  const stored = settledResult(job, result);
  const times = await finishJobRow.one(tx, { id: job.id, ...columnsOf(stored) });
  tx.notify({ kind: 'job', jobId: job.id });
  if (job.type === 'stray_cleanup' && stored.outcome === 'succeeded') {
    await markStrayDestroyed.run(tx, { jobId: job.id });
  }
  if (job.type === 'rehearsal') {
    await endRehearsal(kit, tx, { job, result: stored, findings: storedReplacements(replaced) });
  }
  return { job, result: stored, times };
}

/** The same with the jobs of builds, all by the same statements. Gives them in their order. */
export async function finishBuilds(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  ends: readonly BuildJobEnd[],
): Promise<readonly FinishedBuild[]> {
  if (ends.length === 0) return [];
  const ended = ends.map(({ locked, result, secretOutputs = null }) => {
    const stored = settledResult(locked.job, result);
    return { ...locked, result: stored, columns: columnsOf(stored), secretOutputs };
  });
  const rows = await finishBuildRows(tx, ended.map(buildEnd));
  const timesOf = new Map(rows.map((times) => [times.id, times]));
  const finished = ended.map(({ job, workspace, result }) => {
    const times = timesOf.get(job.id);
    if (times === undefined) throw new Error(`the build of job ${job.id} was not ended`);
    return { job, workspace, result, times };
  });
  for (const { job } of finished) tx.notify({ kind: 'job', jobId: job.id });
  await followBuilds(kit, tx, finished);
  for (const { locked, replaced = [] } of ends) {
    if (locked.job.stage !== 'claim') continue;
    await recordReplacements(kit, tx, { ...locked, replaced: storedReplacements(replaced) });
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

function storedReplacements(replaced: readonly Replacement[]): readonly Replacement[] {
  return cutReplacements(replaced.map(storable));
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
