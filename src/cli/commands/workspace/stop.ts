// `standby workspace stop`
import { defineCommand } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { stopWorkspace } from '../../workspace/change.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

export const command = defineCommand({
  name: 'workspace stop',
  summary: 'end what runs in a workspace, and keep what it is',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: { noWait: { kind: 'flag', summary: 'begin to stop it, and do not wait for the end' } },
  run: async (context, { workspace: nameOrId, noWait }) => {
    const client = await connect(context);
    const { id, name } = await findWorkspace(client, nameOrId);
    return interruptible(context, `${name} is being stopped without you.`, async (signal) => {
      const workspace = await stopWorkspace(context, { client, id, noWait, signal });
      answer(context, workspace, ({ status }) => sentence`${name} is ${status}.\n`);
      return 0;
    });
  },
});
