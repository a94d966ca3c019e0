// `standby workspace delete`
import type { Client } from '../../../client/client.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../../contract/workspace/schema.ts';
import { PREBUILD_PREFIX } from '../../../domain/name/name.ts';
import { defineCommand, type CommandContext, type ExitStatus } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { waitUntil } from '../../workspace/wait.ts';

export const command = defineCommand({
  name: 'workspace delete',
  summary: 'take a workspace away, with everything that was built for it',
  description:
    'Administrators delete prebuilds too, by the names or ids that `standby pool show` lists, for as long as nobody ' +
    'has claimed them; the pool makes others as it needs them. With --orphan, administrators delete a workspace whose ' +
    'machine is away in the database alone; what may be left on the machine is named.',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {
    noWait: { kind: 'flag', summary: 'start the deletion, and do not wait for its end' },
    orphan: { kind: 'flag', summary: 'without the machine that it lives on (administrators)' },
  },
  run: async (context, { workspace: nameOrId, noWait, orphan }) => {
    const client = await connect(context);
    const { id, name } = await findWorkspace(client, nameOrId);
    // As it was seen: what somebody claims in this moment is not what was meant.
    const isPrebuild = name.startsWith(PREBUILD_PREFIX);
    const { deletePrebuild, deleteWorkspace } = workspaceRoutes;
    if (orphan) return orphanWorkspace(context, client, id);
    return interruptible(context, `${name} is being deleted without you.`, async (signal) => {
      const params = { workspace: id };
      const route = isPrebuild ? deletePrebuild : deleteWorkspace;
      const { body } = await client.call(route, { params }, { signal });
      const workspace = noWait
        ? body
        : await waitUntil('deleted', context, { client, workspace: body, signal });
      answer(context, workspace, ({ status }) => sentence`${name} is ${status}.\n`);
      return 0;
    });
  },
});

async function orphanWorkspace(
  context: CommandContext,
  client: Client,
  id: WorkspaceView['id'],
): Promise<ExitStatus> {
  const { body } = await client.call(workspaceRoutes.orphanWorkspace, {
    params: { workspace: id },
  });
  answer(context, body, ({ workspace, left_behind: left }) =>
    [
      sentence`${workspace.name} is ${workspace.status} in the database alone. What may be left:\n`,
      ...left.map((what) => sentence`  ${what}\n`),
    ].join(''),
  );
  return 0;
}
