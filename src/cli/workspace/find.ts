// The workspace a person means: one of their own by its name, or any they may see by its id.
import { AppError } from '../../base/app-error.ts';
import { isUuid } from '../../base/id.ts';
import type { Client } from '../../client/client.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';

export const WORKSPACE_ARGUMENT = { summary: 'its name, or its id' } as const;

/** Throws NOT_FOUND. */
export async function findWorkspace(client: Client, nameOrId: string): Promise<WorkspaceView> {
  if (isUuid(nameOrId)) {
    const params = { workspace: nameOrId };
    return (await client.call(workspaceRoutes.getWorkspace, { params, query: {} })).body;
  }
  const query = { name: nameOrId };
  const { body } = await client.call(workspaceRoutes.listWorkspaces, { query });
  const [found] = body.items;
  if (found !== undefined) return found;
  throw new AppError('NOT_FOUND', {
    detail: `you have no workspace "${nameOrId}"`,
    hint: '`standby workspace list` shows yours.',
  });
}
