// The workspace a person means: one of their own by its name, a prebuild by its name, or any they may see by its id.
import { AppError } from '../../base/app-error.ts';
import { isUuid } from '../../base/id.ts';
import type { Client } from '../../client/client.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import { PREBUILD_PREFIX } from '../../domain/name/name.ts';

export const WORKSPACE_ARGUMENT = { summary: 'its name, or its id' } as const;

/** Throws NOT_FOUND, and FORBIDDEN for the name of a prebuild unless an administrator asks. */
export async function findWorkspace(client: Client, nameOrId: string): Promise<WorkspaceView> {
  if (isUuid(nameOrId)) {
    const params = { workspace: nameOrId };
    return (await client.call(workspaceRoutes.getWorkspace, { params, query: {} })).body;
  }
  // No person's is called so.
  if (nameOrId.startsWith(PREBUILD_PREFIX)) return findPrebuild(client, nameOrId);
  const query = { name: nameOrId };
  const { body } = await client.call(workspaceRoutes.listWorkspaces, { query });
  const [found] = body.items;
  if (found !== undefined) return found;
  throw new AppError('NOT_FOUND', {
    detail: `you have no workspace "${nameOrId}"`,
    hint: '`standby workspace list` shows yours.',
  });
}

async function findPrebuild(client: Client, name: string): Promise<WorkspaceView> {
  const asked = client.call(workspaceRoutes.listWorkspaces, { query: { name, owner: 'all' } });
  const { body } = await asked.catch((error: unknown) => {
    if (!(error instanceof AppError) || error.code !== 'FORBIDDEN') throw error;
    const detail = `"${name}" is the name of a prebuild, which only administrators may look up`;
    throw new AppError('FORBIDDEN', detail, { cause: error });
  });
  const [found] = body.items;
  if (found !== undefined) return found;
  throw new AppError('NOT_FOUND', {
    detail: `there is no prebuild "${name}": it may have been claimed, which gave it another name, or deleted`,
    hint: '`standby pool show POOL` shows those of a pool.',
  });
}
