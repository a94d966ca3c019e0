// `standby workspace rename`
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

export const command = defineCommand({
  name: 'workspace rename',
  summary: 'call a workspace something else',
  description: 'What runs in the workspace knows the former name until it is built anew.',
  arguments: {
    workspace: WORKSPACE_ARGUMENT,
    name: { summary: 'what to call it from now on' },
  },
  options: {},
  examples: ['standby workspace rename demo review-4711'],
  run: async (context, { workspace: nameOrId, name }) => {
    const client = await connect(context);
    const { id, name: former } = await findWorkspace(client, nameOrId);
    const { body } = await client.call(workspaceRoutes.updateWorkspace, {
      params: { workspace: id },
      body: { name },
    });
    answer(context, body, (shown) => sentence`${former} is called ${shown.name} now.\n`);
    return 0;
  },
});
