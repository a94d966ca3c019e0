// One workspace as its caller may see it.
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import type { WorkspaceId } from '../../base/id.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Database } from '../../store/database.ts';
import { readTogether } from '../../store/read-together.ts';
import { findWorkspaces } from '../../store/workspace.ts';
import type { WorkspaceRow } from '../../store/workspace-view.ts';
import { readSecretOutputs } from '../../workspaces/secret-outputs.ts';
import type { PersonCaller } from '../handler.ts';
import { toWorkspaceView } from './view.ts';

export interface WorkspaceReaderDeps extends Pick<Kit, 'clock'> {
  readonly database: Database;
  readonly keyring: Keyring;
}

export interface WorkspaceReader {
  /** Throws NOT_FOUND for another person's, too. */
  read(caller: PersonCaller, id: WorkspaceId): Promise<WorkspaceView>;
  /** The same of one that was read already. */
  show(caller: PersonCaller, row: WorkspaceRow): Promise<WorkspaceView>;
}

export function createWorkspaceReader({
  clock,
  database,
  keyring,
}: WorkspaceReaderDeps): WorkspaceReader {
  const findWorkspace = readTogether(
    { clock, database },
    {
      read: (ids: readonly WorkspaceId[]) => findWorkspaces.all(database, { ids }),
      keyOf: ({ id }) => id,
    },
  );
  const show: WorkspaceReader['show'] = async (caller, row) => {
    const jobId = row.secretOutputsJobId;
    if (jobId === null || row.ownerId !== caller.userId) return toWorkspaceView(row);
    return toWorkspaceView(row, await readSecretOutputs({ on: database, keyring }, jobId));
  };
  const read: WorkspaceReader['read'] = async (caller, id) => {
    const row = await findWorkspace(id);
    if (row === undefined || !(row.ownerId === caller.userId || caller.isAdmin)) {
      throw new AppError('NOT_FOUND', `there is no workspace ${id}`);
    }
    return show(caller, row);
  };
  return { read, show };
}
