// `standby workspace open`: how to reach a workspace.
import { AppError } from '../../../base/app-error.ts';
import { defineCommand } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { describeOpening } from '../../workspace/describe.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { waitUntil } from '../../workspace/wait.ts';

export const command = defineCommand({
  name: 'workspace open',
  summary: 'print how to open a workspace, once it can be used',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {},
  examples: ['xdg-open "$(standby workspace open demo)"'],
  run: async (context, values) => {
    const client = await connect(context);
    const found = await findWorkspace(client, values.workspace);
    return interruptible(context, `${found.name} stays as it is.`, async (signal) => {
      const workspace = await waitUntil('usable', context, { client, workspace: found, signal });
      const opening = describeOpening(workspace);
      if (opening === '') {
        throw new AppError('NOT_FOUND', {
          detail: `workspace ${workspace.name} has no connection details`,
          hint: 'Its template reports none; the driver decides what is reported.',
        });
      }
      answer(context, workspace.outputs, () => sentence`${opening}\n`);
      return 0;
    });
  },
});
