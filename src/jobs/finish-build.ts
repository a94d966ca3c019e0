// What the end of a build means for its workspace, the live pool, the pool's record and the claim.
import { createId, type PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobResult } from '../domain/job/job.ts';
import { isTemplateFault } from '../domain/job/failure.ts';
import type { Sealed } from '../keys/keyring.ts';
import { silenceAgents } from '../store/agent.ts';
import { countForPool } from '../store/counter.ts';
import type { Transaction } from '../store/database.ts';
import {
  failClaim,
  type BuildEnd,
  type BuiltWorkspace,
  type FinishedTimes,
  type LockedJob,
  type ResultColumns,
} from '../store/job.ts';
import { recordJudgedBuilds, type JudgedBuild } from '../store/judged-build.ts';
import { removeMember } from '../store/live-pool/member.ts';
import { finishMemberBuilds } from '../store/live-pool/readiness.ts';
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

/** What ends with it in the rows of a build, its job and its workspace. */
export function buildEnd({ job, workspace, result, columns, secretOutputs }: EndedBuild): BuildEnd {
  const { buildId, transition } = job;
  if (buildId === null || transition === null) throw new Error(`job ${job.id} has no build`);
  const succeeded = result.outcome === 'succeeded';
  return {
    id: job.id,
    ...columns,
    ...{ buildId, transition },
    workspaceId: workspace.id,
    machineId: job.machineId,
    outputs: succeeded && transition === 'start' ? asJson(result.outputs) : null,
    secretOutputs: secretOutputs?.sealed ?? null,
    secretOutputsKeyId: secretOutputs?.keyId ?? null,
    resources: asJson(succeeded ? (result.resources ?? []) : []),
  };
}

/** What follows from the ends of builds: for each by itself, and for the pools of all together. */
export async function followBuilds(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  finished: readonly FinishedBuild[],
): Promise<void> {
  for (const one of finished) await followBuild(kit, tx, one);
  recordJudgedBuilds(tx, finished.flatMap(judge));
  const members = finished.filter(isOfPool);
  for (const { workspace } of members.filter(isDeleted)) {
    removeMember.later(tx, { workspaceId: workspace.id });
  }
  const kept = members.filter((one) => !isDeleted(one));
  finishMemberBuilds(
    tx,
    kept.map((one) => ({
      workspaceId: one.workspace.id,
      jobId: one.job.id,
      runs: isStarted(one),
    })),
  );
  insertPoolEvents(
    tx,
    members.map((one) => ({
      id: createId(kit),
      poolId: one.workspace.poolId,
      workspaceId: one.workspace.id,
      ...describeEvent(one),
    })),
  );
  for (const one of members) {
    const kind = isStarted(one) ? 'progress' : 'pool';
    tx.notify({ kind, poolId: one.workspace.poolId });
  }
}

async function followBuild(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  finished: FinishedBuild,
): Promise<void> {
  const { job, workspace, result } = finished;
  const workspaceId = workspace.id;
  const succeeded = result.outcome === 'succeeded';
  const failed = result.outcome === 'failed';

  if (isDeleted(finished)) {
    await holdStateLocks.maybe(tx, { workspaceId });
    clearDeleted.later(tx, { workspaceId });
  } else if (succeeded && job.transition !== 'start') silenceAgents.later(tx, { workspaceId });
  if (succeeded && job.stage === 'create') await rehearseOnce(kit, tx, finished);
  if (isCanary(finished)) await endCanaryBuild(kit, tx, finished);
  if (failed && job.stage === 'claim') {
    failClaim.later(tx, { workspaceId, epoch: workspace.epoch });
  }
  if (failed && isFirstOfPool(finished)) {
    countForPool(tx, 'prebuilds_failed', finished.workspace.poolId);
  }
  tx.notify({ kind: 'workspace', workspaceId });
}

interface OfPool {
  readonly workspace: { readonly poolId: PoolId };
}

function isOfPool(finished: FinishedBuild): finished is FinishedBuild & OfPool {
  const { isMember, poolId } = finished.workspace;
  return isMember && poolId !== null;
}

function isStarted({ job, result }: FinishedBuild): boolean {
  return result.outcome === 'succeeded' && job.transition === 'start';
}

function isDeleted({ job, result }: FinishedBuild): boolean {
  return result.outcome === 'succeeded' && job.transition === 'delete';
}

function isFirstOfPool(finished: FinishedBuild): finished is FinishedBuild & OfPool {
  const { job, workspace } = finished;
  return workspace.origin === 'prebuild' && workspace.poolId !== null && job.stage === 'create';
}

/** Only the first build of a prebuild is judged, and only by what its template is to blame for. */
function judge(finished: FinishedBuild): readonly JudgedBuild[] {
  const { workspace, result } = finished;
  if (!isFirstOfPool(finished) || result.outcome === 'canceled') return [];
  const failed = result.outcome === 'failed';
  if (failed && !isTemplateFault(result.errorCode)) return [];
  return [{ poolId: finished.workspace.poolId, workspaceId: workspace.id, failed }];
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
