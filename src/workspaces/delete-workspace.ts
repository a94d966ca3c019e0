// Deleting a workspace: its owner's, or a prebuild that nobody has claimed, for who may delete those.
import { AppError } from '../base/app-error.ts';
import type { PoolId, WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { isEnded } from '../domain/job/job.ts';
import { isAllowed, requireAllowed } from '../domain/permission/permission.ts';
import type { Database, Transaction } from '../store/database.ts';
import { lockMembers } from '../store/live-pool/member.ts';
import { lockPool } from '../store/pool-lock.ts';
import { findUnclaimed } from '../store/prebuild.ts';
import { PREBUILDS_USER_ID } from '../store/system-user.ts';
import { findLatestBuild, lockWorkspace } from '../store/workspace.ts';
import {
  beginOne,
  buildInProgress,
  changeWorkspace,
  lockForChange,
  stands,
} from './change-workspace.ts';
import { beginPrebuildDelete } from './delete-prebuild.ts';
import type { Requester } from './request.ts';

type Deps = Kit & { readonly database: Database };

/** Events of pools name who did something. */
export type Deleter = Requester & { readonly username: string };

/** Why a prebuild is deleted that neither a turn of its pool nor a claim has found fault with. */
const BY_HAND = 'by_hand';

/**
 * Begins the build that deletes it, as `changeWorkspace` does; as `deletePrebuild` where nobody has claimed it and
 * the requester may.
 */
export async function deleteWorkspace(deps: Deps, by: Deleter, id: WorkspaceId): Promise<void> {
  const unclaimed = isAllowed(by, 'prebuilt_workspace.delete')
    ? await findUnclaimed.maybe(deps.database, { id })
    : undefined;
  if (unclaimed === undefined) await changeWorkspace(deps, by, { id, transition: 'delete' });
  else await beginDelete(deps, { id, by, ...unclaimed });
}

/**
 * Begins the build that deletes a prebuild. Throws FORBIDDEN, NOT_FOUND, BUILD_IN_PROGRESS, and WORKSPACE_CLAIMED
 * once somebody has it: who looked for what to delete has seen it unclaimed.
 */
export async function deletePrebuild(deps: Deps, by: Deleter, id: WorkspaceId): Promise<void> {
  requireAllowed(by, 'prebuilt_workspace.delete');
  const unclaimed = await findUnclaimed.maybe(deps.database, { id });
  if (unclaimed !== undefined) return beginDelete(deps, { id, by, ...unclaimed });
  await deps.database.transaction((tx) => lockForChange(tx, by, id));
  throw claimed(id);
}

interface Chosen {
  readonly id: WorkspaceId;
  readonly poolId: PoolId;
  readonly by: Deleter;
}

const beginDelete = (deps: Deps, chosen: Chosen): Promise<void> =>
  beginOne(deps.database, chosen.id, (tx) => deleteUnclaimed(deps, tx, chosen));

/** Locks what a turn of the pool does, in its order: pool, member, workspace. */
async function deleteUnclaimed(
  kit: Kit,
  tx: Transaction,
  { id, poolId, by }: Chosen,
): Promise<void> {
  await lockPool.maybe(tx, { poolId });
  await lockMembers.all(tx, { workspaceIds: [id] });
  const workspace = await lockWorkspace.maybe(tx, { id });
  if (workspace === undefined) throw new AppError('NOT_FOUND', `there is no workspace ${id}`);
  // By what is locked, not by what was found: it may have been claimed in between.
  if (workspace.ownerId !== PREBUILDS_USER_ID) throw claimed(id);
  const latest = await findLatestBuild.one(tx, { workspaceId: id });
  if (stands(latest, 'delete')) return;
  if (!isEnded(latest.jobStatus)) throw buildInProgress(id);
  await beginPrebuildDelete(kit, tx, {
    workspace: { id, ...workspace },
    ...{ latest, poolId, reason: BY_HAND, details: { by: by.username } },
  });
}

function claimed(id: WorkspaceId): AppError {
  return new AppError(
    'WORKSPACE_CLAIMED',
    `workspace ${id} is not a prebuild that nobody has claimed`,
  );
}
