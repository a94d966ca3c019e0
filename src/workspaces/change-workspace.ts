// Starting, stopping and taking away a workspace at its owner's request: its next build.
import { AppError } from '../base/app-error.ts';
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { isEnded, type JobStatus, type Transition } from '../domain/job/job.ts';
import type { RowOf } from '../store/column.ts';
import type { Database, Transaction } from '../store/database.ts';
import { recordUse } from '../store/life.ts';
import { isUniqueViolation } from '../store/sqlstate.ts';
import { PREBUILDS_USER_ID } from '../store/system-user.ts';
import { findLatestBuild, lockWorkspace } from '../store/workspace.ts';
import { beginNextBuild } from './next-build.ts';
import type { Requester } from './request.ts';

export interface Change {
  readonly id: WorkspaceId;
  readonly transition: Transition;
}

/**
 * Begins the build that starts, stops or deletes it; does nothing when the latest one does or did just
 * that. Throws NOT_FOUND for what the requester may not see, FORBIDDEN for a prebuild that nobody has
 * claimed and for a start where the owner is suspended or no member any more, BUILD_IN_PROGRESS while another
 * build is under way, TEMPLATE_DELETED for the start of what has no template any more, and QUOTA_EXCEEDED for
 * one that its owner may not spend so much on; WORKSPACE_DORMANT for that of what has to be woken first.
 */
export async function changeWorkspace(
  deps: Kit & { readonly database: Database },
  requester: Requester,
  change: Change,
): Promise<void> {
  await beginOne(deps.database, change.id, async (tx) => {
    const workspace = await lockForChange(tx, requester, change.id);
    await beginChange(deps, tx, { requester, workspace, change });
  });
}

interface LockedChange {
  readonly requester: Requester;
  readonly workspace: LockedWorkspace;
  readonly change: Change;
}

/** As `changeWorkspace`, in a transaction that has locked the workspace. */
export async function beginChange(
  kit: Kit,
  tx: Transaction,
  { requester, workspace, change: { id, transition } }: LockedChange,
): Promise<void> {
  const latest = await findLatestBuild.one(tx, { workspaceId: id });
  if (stands(latest, transition)) return;
  if (!isEnded(latest.jobStatus)) throw buildInProgress(id);
  const refusal = transition === 'start' ? refuseStart(id, workspace) : undefined;
  if (refusal !== undefined) throw refusal;
  if (transition !== 'delete') await recordUse.run(tx, { id });
  await beginNextBuild(kit, tx, {
    workspace: { id, ...workspace },
    ...{ latest, transition },
    reason: transition,
    initiatorId: requester.userId,
    jobClass: 2,
  });
}

/** In a transaction. Where another build was faster: BUILD_IN_PROGRESS. */
export async function beginOne<T>(
  database: Database,
  id: WorkspaceId,
  begin: (tx: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await database.transaction(begin);
  } catch (error) {
    if (!isUniqueViolation(error, 'builds_workspace_id_number_key')) throw error;
    throw buildInProgress(id, error);
  }
}

export type LockedWorkspace = RowOf<typeof lockWorkspace.columns>;

/** Throws NOT_FOUND for what the requester may not see, and FORBIDDEN for a prebuild that nobody has claimed. */
export async function lockForChange(
  tx: Transaction,
  requester: Requester,
  id: WorkspaceId,
): Promise<LockedWorkspace> {
  const workspace = await lockWorkspace.maybe(tx, { id });
  const mine = workspace?.ownerId === requester.userId;
  if (workspace === undefined || !(mine || requester.isAdmin)) {
    throw new AppError('NOT_FOUND', `there is no workspace ${id}`);
  }
  // The pool's own are the reconciler's; who may delete one does so by delete-workspace.ts.
  if (workspace.ownerId === PREBUILDS_USER_ID) {
    throw new AppError('FORBIDDEN', {
      detail: `workspace ${id} belongs to a pool that nobody has claimed it from yet`,
      hint:
        '`standby pool set` says how many there are, and `standby pool invalidate` has all of them replaced. ' +
        'Administrators have this one replaced by `standby workspace delete`.',
    });
  }
  return workspace;
}

/** TEMPLATE_DELETED, FORBIDDEN or WORKSPACE_DORMANT for what may not be started. */
export function refuseStart(id: WorkspaceId, workspace: LockedWorkspace): AppError | undefined {
  if (workspace.isTemplateDeleted) {
    return new AppError('TEMPLATE_DELETED', `the template of workspace ${id} was deleted`);
  }
  if (!workspace.isOwnerActive) {
    return new AppError('FORBIDDEN', {
      detail: `the owner of workspace ${id} is suspended, or not a member of its organization any more`,
      hint: 'It can be stopped and deleted. To start it, make its owner a member again.',
    });
  }
  if (workspace.isDormant) {
    return new AppError('WORKSPACE_DORMANT', `workspace ${id} is dormant`);
  }
  return undefined;
}

const STANDS: readonly JobStatus[] = ['pending', 'running', 'succeeded'];

/** Whether the latest build makes another one of that kind superfluous. */
export function stands(
  latest: Pick<RowOf<typeof findLatestBuild.columns>, 'transition' | 'jobStatus'>,
  transition: Transition,
): boolean {
  return latest.transition === transition && STANDS.includes(latest.jobStatus);
}

export function buildInProgress(id: WorkspaceId, cause?: unknown): AppError {
  return new AppError('BUILD_IN_PROGRESS', `a build of workspace ${id} is under way`, { cause });
}
