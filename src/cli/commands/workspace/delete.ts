// `standby workspace delete`
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { waitUntilDeleted } from '../../workspace/wait.ts';

export const command = defineCommand({
  name: 'workspace delete',
  summary: 'take a workspace away, with everything that was built for it',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: { noWait: { kind: 'flag', summary: 'start the deletion, and do not wait for its end' } },
  run: async (context, { workspace: nameOrId, noWait }) => {
    const client = await connect(context);
    const { id, name } = await findWorkspace(client, nameOrId);
    return interruptible(context, `${name} is being deleted without you.`, async (signal) => {
      const params = { workspace: id };
      const { body } = await client.call(workspaceRoutes.deleteWorkspace, { params }, { signal });
      const workspace = noWait
        ? body
        : await waitUntilDeleted(context, client, { workspace: body, signal });
      answer(context, workspace, ({ status }) => sentence`${name} is ${status}.\n`);
      return 0;
    });
  },
});
