// `standby workspace restart`
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { DRY_RUN_OPTION } from '../../session/dry-run.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { startWorkspace, stopWorkspace, tellStarted } from '../../workspace/change.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { describePlannedBuild, findRefusal } from '../../workspace/planned-build.ts';

export const command = defineCommand({
  name: 'workspace restart',
  summary: 'stop a workspace and start it again',
  description:
    'What could not be started again is refused before anything is stopped: all of it is told with --dry-run. ' +
    'Interrupted while it stops, it stays stopped.',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: { dryRun: DRY_RUN_OPTION },
  run: async (context, { workspace: nameOrId, dryRun }) => {
    const client = await connect(context);
    const { id, name } = await findWorkspace(client, nameOrId);
    const asked = { params: { workspace: id }, body: { restart: true } };
    const { body: plan } = await client.call(workspaceRoutes.planBuild, asked);
    const refusal = findRefusal(plan);
    if (dryRun) {
      answer(context, plan, () => describePlannedBuild(name, plan));
      return refusal?.spec.exit ?? 0;
    }
    if (refusal !== undefined) throw refusal;
    const farewell = `\`standby workspace show ${name}\` says how far it came.`;
    return interruptible(context, farewell, async (signal) => {
      await stopWorkspace(context, { client, id, signal });
      const workspace = await startWorkspace(context, { client, id, signal });
      answer(context, workspace, tellStarted);
      return 0;
    });
  },
});
