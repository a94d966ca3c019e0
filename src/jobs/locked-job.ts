// A job locked together with what its end will change, in the order that everybody keeps: pool
// member, workspace, build, job.
import { AppError } from '../base/app-error.ts';
import type { JobId, WorkspaceId } from '../base/id.ts';
import type { Transaction } from '../store/database.ts';
import {
  findJobSubject,
  lockBuiltWorkspace,
  lockJobRow,
  type BuiltWorkspace,
  type LockedJob,
} from '../store/job.ts';

export interface Locked {
  readonly job: LockedJob;
  /** Null for a job that is not a workspace's build. */
  readonly workspace: BuiltWorkspace | null;
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
    return { job: await lockJobRow.one(tx, { id }), workspace: null };
  }
  const workspace = await lockBuiltWorkspace.maybe(tx, { id: workspaceId });
  // Read after the locks, so that an end that was waited for is seen whole.
  const job = workspace === undefined ? undefined : await lockJobRow.maybe(tx, { id });
  if (workspace === undefined || job === undefined) {
    throw new AppError('NOT_FOUND', `there is no job ${id}`);
  }
  return { job, workspace };
}
