// The way out for a workspace whose machine will not come back: it is deleted in the database alone,
// by a build that no daemon does and whose log says what may be left.
import { AppError } from '../base/app-error.ts';
import { createId, type BuildId, type JobId, type UserId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { isEnded } from '../domain/job/job.ts';
import { insertBuilds } from '../store/build.ts';
import type { Database, Transaction } from '../store/database.ts';
import { noteInLog } from '../store/job-log.ts';
import { lockMembers } from '../store/live-pool/member.ts';
import { findMachine } from '../store/machine.ts';
import { findLatestBuild, lockWorkspace } from '../store/workspace.ts';
import { finishJob } from './finish-job.ts';
import { lockJob, type Locked } from './locked-job.ts';

export interface Orphaned {
  readonly jobId: JobId;
  /** What may be left, in a sentence each. */
  readonly leftBehind: readonly string[];
}

/**
 * Throws NOT_FOUND, MACHINE_PRESENT when a daemon could delete it, and BUILD_IN_PROGRESS while a build
 * still counts as running.
 */
export async function orphanWorkspace(
  { database, ...kit }: Kit & { readonly database: Database },
  initiatorId: UserId,
  id: WorkspaceId,
): Promise<Orphaned> {
  const orphaned = await database.transaction((tx) => orphan(kit, tx, { initiatorId, id }));
  const { jobId, leftBehind } = orphaned;
  kit.log.warn('workspace.orphaned', { workspaceId: id, userId: initiatorId, jobId, leftBehind });
  return orphaned;
}

async function orphan(
  kit: Kit,
  tx: Transaction,
  { initiatorId, id }: { readonly initiatorId: UserId; readonly id: WorkspaceId },
): Promise<Orphaned> {
  await lockMembers.all(tx, { workspaceIds: [id] });
  const workspace = await lockWorkspace.maybe(tx, { id });
  if (workspace === undefined) throw new AppError('NOT_FOUND', `there is no workspace ${id}`);
  const latest = await findLatestBuild.one(tx, { workspaceId: id });
  const machineId = await requireAway(tx, id, workspace.machineId);
  await clearTheWay(kit, tx, { id, latest });

  const jobId = createId<JobId>(kit);
  const { versionId, presetId, parameters, secretParametersId, driver, tags } = latest;
  await insertBuilds(tx, [
    {
      ...{ id: createId<BuildId>(kit), jobId, workspaceId: id, initiatorId, machineId },
      ...{ versionId, presetId, parameters, secretParametersId, driver, tags },
      organizationId: workspace.organizationId,
      number: latest.number + 1,
      transition: 'delete',
      stage: 'none',
      reason: 'orphan',
      jobClass: 2,
    },
  ]);
  const { daemons } = await findMachine.one(tx, { machineId });
  const of = daemons === null ? '' : ` (of ${daemons})`;
  const leftBehind = [
    `what driver "${driver}" made for workspace ${id} on machine "${machineId}"${of}; ` +
      'a daemon that comes back there takes it away',
  ];
  const lines = leftBehind.map((what) => `may be left: ${what}`);
  await noteInLog.run(tx, { jobId, lines: ['deleted in the database alone', ...lines] });
  await finishJob(kit, tx, {
    locked: await lockKnown(tx, jobId),
    result: { outcome: 'succeeded', outputs: {} },
  });
  return { jobId, leftBehind };
}

async function requireAway(
  tx: Transaction,
  id: WorkspaceId,
  machineId: string | null,
): Promise<string> {
  if (machineId === null) {
    throw new AppError('MACHINE_PRESENT', `workspace ${id} is not bound to a machine`);
  }
  const { isSeen } = await findMachine.one(tx, { machineId });
  if (!isSeen) return machineId;
  throw new AppError(
    'MACHINE_PRESENT',
    `a daemon of machine "${machineId}" was seen within the last minute`,
  );
}

/** Ends the build that waits for the machine. */
async function clearTheWay(
  kit: Kit,
  tx: Transaction,
  {
    id,
    latest,
  }: {
    readonly id: WorkspaceId;
    readonly latest: Awaited<ReturnType<typeof findLatestBuild.one>>;
  },
): Promise<void> {
  if (isEnded(latest.jobStatus)) return;
  const locked = await lockKnown(tx, latest.jobId);
  switch (locked.job.status) {
    case 'pending':
      await finishJob(kit, tx, { locked, result: { outcome: 'canceled' } });
      return;
    case 'running':
    case 'canceling':
      throw new AppError('BUILD_IN_PROGRESS', {
        detail: `a build of workspace ${id} still counts as running`,
        hint: 'Ask again in a minute: the job of a daemon that is away is ended then.',
      });
    default:
      return; // it ended while its lock was waited for
  }
}

async function lockKnown(tx: Transaction, jobId: JobId): Promise<Locked> {
  const locked = await lockJob(tx, jobId);
  if (locked === undefined) throw new Error(`there is no job ${jobId}`);
  return locked;
}
