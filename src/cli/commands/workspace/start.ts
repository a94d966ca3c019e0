// `standby workspace start`
import { defineCommand } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { startWorkspace, tellStarted } from '../../workspace/change.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

export const command = defineCommand({
  name: 'workspace start',
  summary: 'start a stopped workspace, and print how to open it',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: { noWait: { kind: 'flag', summary: 'begin to start it, and do not wait for it' } },
  run: async (context, { workspace: nameOrId, noWait }) => {
    const client = await connect(context);
    const { id, name } = await findWorkspace(client, nameOrId);
    return interruptible(context, `${name} is being started without you.`, async (signal) => {
      const workspace = await startWorkspace(context, { client, id, noWait, signal });
      answer(context, workspace, tellStarted);
      return 0;
    });
  },
});
