// One workspace as its caller may see it.
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import type { WorkspaceId } from '../../base/id.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Database } from '../../store/database.ts';
import { readTogether } from '../../store/read-together.ts';
import { findWorkspaces } from '../../store/workspace.ts';
import { readSecretOutputs } from '../../workspaces/secret-outputs.ts';
import type { PersonCaller } from '../handler.ts';
import { toWorkspaceView } from './view.ts';

export interface WorkspaceReaderDeps extends Pick<Kit, 'clock'> {
  readonly database: Database;
  readonly keyring: Keyring;
}

/** Gives what reads a workspace for a caller. It throws NOT_FOUND for another person's, too. */
export function createWorkspaceReader({
  clock,
  database,
  keyring,
}: WorkspaceReaderDeps): (caller: PersonCaller, id: WorkspaceId) => Promise<WorkspaceView> {
  const findWorkspace = readTogether(
    { clock, database },
    {
      read: (ids: readonly WorkspaceId[]) => findWorkspaces.all(database, { ids }),
      keyOf: ({ id }) => id,
    },
  );
  return async (caller, id) => {
    const row = await findWorkspace(id);
    if (row === undefined || !(row.ownerId === caller.userId || caller.isAdmin)) {
      throw new AppError('NOT_FOUND', `there is no workspace ${id}`);
    }
    const jobId = row.secretOutputsJobId;
    if (jobId === null || row.ownerId !== caller.userId) return toWorkspaceView(row);
    return toWorkspaceView(row, await readSecretOutputs({ on: database, keyring }, jobId));
  };
}
