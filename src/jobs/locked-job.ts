// A job locked together with what its end will change, in the order that everybody keeps: pool
// member, workspace, build, job.
import { AppError } from '../base/app-error.ts';
import type { JobId, WorkspaceId } from '../base/id.ts';
import type { Transaction } from '../store/database.ts';
import {
  findJobSubject,
  lockBuiltWorkspaces,
  lockFreeBuiltWorkspaces,
  lockFreeJobRows,
  lockJobRows,
  type BuiltWorkspace,
  type LockedJob,
} from '../store/job.ts';

export interface Locked {
  readonly job: LockedJob;
  /** Null for a job that is not a workspace's build. */
  readonly workspace: BuiltWorkspace | null;
}

export interface LockedBuild extends Locked {
  readonly workspace: BuiltWorkspace;
}

/** Undefined when there is no such job. */
export async function lockJob(tx: Transaction, id: JobId): Promise<Locked | undefined> {
  const subject = await findJobSubject.maybe(tx, { id });
  return subject === undefined ? undefined : lockSubject(tx, id, subject.workspaceId);
}

/** The same where it is known what the job is about. Throws NOT_FOUND where that is not there any more. */
export async function lockSubject(
  tx: Transaction,
  id: JobId,
  workspaceId: WorkspaceId | null,
): Promise<Locked> {
  if (workspaceId === null) {
    return { job: await lockJobRows.one(tx, { ids: [id] }), workspace: null };
  }
  const workspace = await lockBuiltWorkspaces.maybe(tx, { ids: [workspaceId] });
  // Read after the locks, so that an end that was waited for is seen whole.
  const job = workspace === undefined ? undefined : await lockJobRows.maybe(tx, { ids: [id] });
  if (workspace === undefined || job === undefined) {
    throw new AppError('NOT_FOUND', `there is no job ${id}`);
  }
  return { job, workspace };
}

export interface BuildSubject {
  readonly id: JobId;
  readonly workspaceId: WorkspaceId;
}

/** Of the builds those that nobody else holds, by their jobs: this waits for nobody. */
export async function lockFreeBuilds(
  tx: Transaction,
  subjects: readonly BuildSubject[],
): Promise<ReadonlyMap<JobId, LockedBuild>> {
  const workspaces = await lockFreeBuiltWorkspaces.all(tx, {
    ids: subjects.map(({ workspaceId }) => workspaceId),
  });
  const workspaceOf = new Map(workspaces.map((workspace) => [workspace.id, workspace]));
  const free = subjects.filter(({ workspaceId }) => workspaceOf.has(workspaceId));
  const jobs = await lockFreeJobRows.all(tx, { ids: free.map(({ id }) => id) });
  const jobOf = new Map(jobs.map((job) => [job.id, job]));
  const locked = new Map<JobId, LockedBuild>();
  for (const { id, workspaceId } of free) {
    const [job, workspace] = [jobOf.get(id), workspaceOf.get(workspaceId)];
    if (job !== undefined && workspace !== undefined) locked.set(id, { job, workspace });
  }
  return locked;
}
