// `standby workspace touch`
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

export const command = defineCommand({
  name: 'workspace touch',
  summary: 'say that a workspace is used, so that it is not stopped for being idle',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {},
  run: async (context, { workspace: nameOrId }) => {
    const client = await connect(context);
    const { id } = await findWorkspace(client, nameOrId);
    const params = { workspace: id };
    const { body } = await client.call(workspaceRoutes.recordActivity, { params });
    answer(context, body, (shown) => sentence`${shown.name} was used at ${shown.last_used_at}.\n`);
    return 0;
  },
});
