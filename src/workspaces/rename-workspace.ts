// Another name for a workspace. What runs in it may know the former one until it is built anew.
import { AppError } from '../base/app-error.ts';
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { checkName } from '../domain/name/name.ts';
import type { Database } from '../store/database.ts';
import { PREBUILDS_USER_ID } from '../store/system-user.ts';
import { findWorkspaces, renameWorkspaceRow } from '../store/workspace.ts';
import { isNameTaken, nameTaken } from './name-taken.ts';
import type { Requester } from './request.ts';
import { freeName } from './waiting/end-waiters.ts';

export interface NewName {
  readonly id: WorkspaceId;
  readonly name: string;
}

/**
 * Throws NOT_FOUND for what the requester may not see, WORKSPACE_UNCLAIMED for a prebuild that nobody has claimed,
 * NAME_INVALID, and NAME_TAKEN for a name that its owner has given to another one, or waits with.
 */
export async function renameWorkspace(
  deps: Kit & { readonly database: Database },
  requester: Requester,
  { id, name }: NewName,
): Promise<void> {
  const { database } = deps;
  const issue = checkName('workspace', name);
  if (issue !== null) throw new AppError(issue.code, issue);
  const [found] = await findWorkspaces.all(database, { ids: [id] });
  if (found === undefined || !(found.ownerId === requester.userId || requester.isAdmin)) {
    throw notFound(id);
  }
  const { ownerId } = found;
  if (ownerId === PREBUILDS_USER_ID) {
    const detail = `workspace ${id} belongs to a pool that nobody has claimed it from yet`;
    throw new AppError('WORKSPACE_UNCLAIMED', detail);
  }
  const rename = async (): Promise<void> => {
    const renamed = await renameWorkspaceRow.all(database, { id, ownerId, name });
    if (renamed.length === 0) throw notFound(id);
  };
  try {
    await rename();
  } catch (error) {
    if (!isNameTaken(error)) throw error;
    // One that waits past its deadline keeps no name.
    if (!(await freeName(deps, { userId: ownerId, name }))) throw nameTaken(name, error);
    await rename().catch((again: unknown) => {
      throw isNameTaken(again) ? nameTaken(name, again) : again;
    });
  }
  database.announce([{ kind: 'workspace', workspaceId: id }]);
}

function notFound(id: WorkspaceId): AppError {
  return new AppError('NOT_FOUND', `there is no workspace ${id}`);
}
