// `standby workspace restart`
import { defineCommand } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { startWorkspace, stopWorkspace, tellStarted } from '../../workspace/change.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

export const command = defineCommand({
  name: 'workspace restart',
  summary: 'stop a workspace and start it again',
  description: 'Interrupted while it stops, it stays stopped.',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {},
  run: async (context, { workspace: nameOrId }) => {
    const client = await connect(context);
    const { id, name } = await findWorkspace(client, nameOrId);
    const farewell = `\`standby workspace show ${name}\` says how far it came.`;
    return interruptible(context, farewell, async (signal) => {
      await stopWorkspace(context, { client, id, signal });
      const workspace = await startWorkspace(context, { client, id, signal });
      answer(context, workspace, tellStarted);
      return 0;
    });
  },
});
