// `standby workspace wake`
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

export const command = defineCommand({
  name: 'workspace wake',
  summary: 'wake a dormant workspace, so that it can be started again',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {},
  run: async (context, { workspace: nameOrId }) => {
    const client = await connect(context);
    const { id } = await findWorkspace(client, nameOrId);
    const { body } = await client.call(workspaceRoutes.updateWorkspace, {
      params: { workspace: id },
      body: { dormant: false },
    });
    answer(
      context,
      body,
      ({ name }) => sentence`${name} is awake; \`standby workspace start ${name}\` starts it.\n`,
    );
    return 0;
  },
});
