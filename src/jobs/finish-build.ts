// What the end of a build means for its workspace, the live pool, the pool's record and the claim.
import { createId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import { isTemplateFault } from '../domain/job/failure.ts';
import type { Sealed } from '../keys/keyring.ts';
import { silenceAgents } from '../store/agent.ts';
import { countForPool } from '../store/counter.ts';
import type { Transaction } from '../store/database.ts';
import {
  failClaim,
  finishBuildRow,
  type BuiltWorkspace,
  type FinishedTimes,
  type LockedJob,
  type ResultColumns,
} from '../store/job.ts';
import { recordJudgedBuild } from '../store/judged-build.ts';
import { removeMember } from '../store/live-pool/member.ts';
import { finishMemberBuild } from '../store/live-pool/readiness.ts';
import { insertPoolEvents, type NewPoolEvent } from '../store/pool-event.ts';
import { clearDeleted, holdStateLocks } from '../store/state.ts';
import { asJson } from '../store/statement.ts';
import { endCanaryBuild } from './canary.ts';
import { rehearseOnce } from './rehearse.ts';

export interface FinishedBuild {
  readonly job: LockedJob;
  readonly workspace: BuiltWorkspace;
  readonly result: JobResult;
  readonly times: FinishedTimes;
}

export interface EndedBuild extends Omit<FinishedBuild, 'times'> {
  /** Of the result. */
  readonly columns: ResultColumns;
  readonly secretOutputs: Sealed | null;
}

/** Ends the rows of a build: its job's, its own and its workspace's. */
export function finishBuildRows(
  tx: Transaction,
  { job, workspace, result, columns, secretOutputs }: EndedBuild,
): Promise<FinishedTimes> {
  const { buildId, transition } = job;
  if (buildId === null || transition === null) throw new Error(`job ${job.id} has no build`);
  const succeeded = result.outcome === 'succeeded';
  return finishBuildRow.one(tx, {
    id: job.id,
    ...columns,
    ...{ buildId, transition },
    workspaceId: workspace.id,
    machineId: job.machineId,
    outputs: succeeded && transition === 'start' ? asJson(result.outputs) : null,
    secretOutputs: secretOutputs?.sealed ?? null,
    secretOutputsKeyId: secretOutputs?.keyId ?? null,
    resources: asJson(succeeded ? (result.resources ?? []) : []),
  });
}

/** What follows from it. */
export async function finishBuild(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  finished: FinishedBuild,
): Promise<void> {
  const { job, workspace, result } = finished;
  const { transition } = job;
  const workspaceId = workspace.id;
  const succeeded = result.outcome === 'succeeded';
  const deleted = succeeded && transition === 'delete';

  if (deleted) {
    await holdStateLocks.maybe(tx, { workspaceId });
    clearDeleted.later(tx, { workspaceId });
  } else if (succeeded && transition !== 'start') silenceAgents.later(tx, { workspaceId });
  if (succeeded && job.stage === 'create') await rehearseOnce(kit, tx, finished);
  if (isCanary(finished)) await endCanaryBuild(kit, tx, finished);
  if (result.outcome === 'failed' && job.stage === 'claim') {
    failClaim.later(tx, { workspaceId, epoch: workspace.epoch });
  }
  recordJudgement(tx, finished);
  tx.notify({ kind: 'workspace', workspaceId });

  if (!workspace.isMember || workspace.poolId === null) return;
  if (deleted) {
    removeMember.later(tx, { workspaceId });
  } else {
    finishMemberBuild.later(tx, {
      workspaceId,
      jobId: job.id,
      runs: succeeded && transition === 'start',
    });
  }
  insertPoolEvents(tx, [
    { id: createId(kit), poolId: workspace.poolId, workspaceId, ...describeEvent(finished) },
  ]);
  tx.notify({ kind: 'pool', poolId: workspace.poolId });
}

/** Only the first build of a prebuild is judged, and only by what its template is to blame for; every failure counts. */
function recordJudgement(tx: Transaction, { job, workspace, result }: FinishedBuild): void {
  const { id: workspaceId, origin, poolId } = workspace;
  if (origin !== 'prebuild' || poolId === null || job.stage !== 'create') return;
  if (result.outcome === 'canceled') return;
  const failed = result.outcome === 'failed';
  if (failed) countForPool(tx, 'prebuilds_failed', poolId);
  if (failed && !isTemplateFault(result.errorCode)) return;
  recordJudgedBuild(tx, { poolId, workspaceId, failed });
}

/** The first build of a prebuild that no pool has made. */
function isCanary({ job, workspace }: FinishedBuild): boolean {
  return workspace.origin === 'prebuild' && job.number === 1 && job.stage === 'none';
}

function describeEvent({
  job,
  result,
  times,
}: FinishedBuild): Pick<NewPoolEvent, 'kind' | 'reason' | 'details'> {
  const { createdAt, acquiredAt, completedAt } = times;
  const details = {
    transition: job.transition,
    build: job.number,
    // Null for one that no daemon ever took.
    queue_ms: acquiredAt === null ? null : acquiredAt - createdAt,
    build_ms: acquiredAt === null ? null : completedAt - acquiredAt,
  };
  switch (result.outcome) {
    case 'succeeded':
      return {
        kind: job.transition === 'delete' ? 'deleted' : 'build_succeeded',
        reason: null,
        details,
      };
    case 'failed':
      return { kind: 'build_failed', reason: result.errorCode, details };
    case 'canceled':
      return { kind: 'build_failed', reason: 'canceled', details };
  }
}
