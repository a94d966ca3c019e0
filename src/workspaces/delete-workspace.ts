// Taking a workspace away at its owner's request.
import { AppError } from '../base/app-error.ts';
import { createId, type BuildId, type JobId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { insertBuilds } from '../store/build.ts';
import type { Database, Transaction } from '../store/database.ts';
import { isUniqueViolation } from '../store/sqlstate.ts';
import { PREBUILDS_USER_ID } from '../store/system-user.ts';
import { findLatestBuild, lockWorkspace } from '../store/workspace.ts';
import type { Requester } from './request.ts';

type LatestBuild = NonNullable<Awaited<ReturnType<typeof findLatestBuild.maybe>>>;

/**
 * Starts the build that takes it away; does nothing when one is under way. Throws NOT_FOUND for
 * what the requester may not see, and BUILD_IN_PROGRESS while another build runs.
 */
export async function deleteWorkspace(
  deps: Kit & { readonly database: Database },
  requester: Requester,
  id: WorkspaceId,
): Promise<void> {
  try {
    await deps.database.transaction((tx) => startDelete(deps, tx, { requester, id }));
  } catch (error) {
    if (!isUniqueViolation(error, 'builds_workspace_id_number_key')) throw error;
    throw buildInProgress(id, error);
  }
}

async function startDelete(
  kit: Kit,
  tx: Transaction,
  { requester, id }: { readonly requester: Requester; readonly id: WorkspaceId },
): Promise<void> {
  const workspace = await lockWorkspace.maybe(tx, { id });
  const mine = workspace?.ownerId === requester.userId;
  if (workspace === undefined || !(mine || requester.isAdmin)) {
    throw new AppError('NOT_FOUND', `there is no workspace ${id}`);
  }
  // The pool's own are the reconciler's to take away: it would make another one at once.
  if (workspace.ownerId === PREBUILDS_USER_ID) {
    throw new AppError('FORBIDDEN', {
      detail: `workspace ${id} belongs to a pool that nobody has claimed it from yet`,
      hint: 'Change the size of the pool instead.',
    });
  }
  const latest = await findLatestBuild.one(tx, { workspaceId: id });
  const ended = ['succeeded', 'failed', 'canceled'].includes(latest.jobStatus);
  if (latest.transition === 'delete' && !ended) return;
  if (!ended) throw buildInProgress(id);
  await insertBuilds(tx, [
    {
      id: createId<BuildId>(kit),
      jobId: createId<JobId>(kit),
      workspaceId: id,
      organizationId: workspace.organizationId,
      ...continuing(latest),
      transition: 'delete',
      stage: 'none',
      reason: 'delete',
      initiatorId: requester.userId,
      machineId: workspace.machineId,
      jobClass: 2,
    },
  ]);
  tx.notify(
    { kind: 'queue', organizationId: workspace.organizationId, driver: latest.driver },
    { kind: 'workspace', workspaceId: id },
  );
}

/** A delete takes away what the latest build made, so it uses what that one used. */
function continuing(
  latest: LatestBuild,
): Pick<
  Parameters<typeof insertBuilds>[1][number],
  'number' | 'versionId' | 'presetId' | 'parameters' | 'secretParametersId' | 'driver' | 'tags'
> {
  const { versionId, presetId, parameters, secretParametersId, driver, tags } = latest;
  const number = latest.number + 1;
  return { number, versionId, presetId, parameters, secretParametersId, driver, tags };
}

function buildInProgress(id: WorkspaceId, cause?: unknown): AppError {
  return new AppError('BUILD_IN_PROGRESS', `a build of workspace ${id} is under way`, { cause });
}
