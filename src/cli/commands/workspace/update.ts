// `standby workspace update`
import { AppError } from '../../../base/app-error.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../../contract/workspace/schema.ts';
import { defineCommand } from '../../command.ts';
import { DRY_RUN_OPTION } from '../../session/dry-run.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { tellStarted } from '../../workspace/change.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { readParameters } from '../../workspace/parameters.ts';
import { describePlannedBuild, findRefusal } from '../../workspace/planned-build.ts';
import { beginRebuild } from '../../workspace/rebuild.ts';
import { waitUntil } from '../../workspace/wait.ts';

export const command = defineCommand({
  name: 'workspace update',
  summary: 'build a workspace anew: with the newest version of its template, or other parameters',
  description:
    'Stops it where it runs, and starts it. One that runs with that version and these values is left as it is, and ' +
    'what cannot be built is refused before anything is stopped. Parameters that are not given keep their values; ' +
    'only those that the template calls mutable may change. With --dry-run the exit status of a refusal is the one ' +
    'that the update would end with.',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {
    parameter: { kind: 'text', value: 'K=V', repeat: true, summary: 'another value' },
    parameterFile: {
      kind: 'text',
      value: 'K=FILE',
      repeat: true,
      summary: 'the same from a file, or "-" for standard input: for sensitive ones',
    },
    keepVersion: { kind: 'flag', summary: 'with the version of the template that it has' },
    dryRun: DRY_RUN_OPTION,
  },
  examples: [
    'standby workspace update demo',
    'standby workspace update demo --dry-run',
    'standby workspace update demo --keep-version --parameter cpus=8',
  ],
  run: async (context, { workspace: nameOrId, keepVersion, dryRun, ...given }) => {
    const parameters = await readParameters(context, given);
    if (keepVersion && Object.keys(parameters).length === 0) {
      const hint = 'Give --parameter, or leave out --keep-version.';
      throw new AppError('USAGE', { detail: 'nothing is to be changed', hint });
    }
    const client = await connect(context);
    const { id, name } = await findWorkspace(client, nameOrId);
    if (dryRun) {
      const asked = { params: { workspace: id }, body: { update: !keepVersion, parameters } };
      const { body } = await client.call(workspaceRoutes.planBuild, asked);
      answer(context, body, (plan) => describePlannedBuild(name, plan));
      return findRefusal(body)?.spec.exit ?? 0;
    }
    const farewell = `\`standby workspace show ${name}\` says how far it came.`;
    return interruptible(context, farewell, async (signal) => {
      const wanted = { update: !keepVersion, parameters };
      const begun = await beginRebuild(context, { client, id, signal }, wanted);
      if (begun.status === 200) {
        answer(context, begun.body, tellUnchanged);
        return 0;
      }
      const first = { client, workspace: begun.body, signal };
      answer(context, await waitUntil('usable', context, first), tellStarted);
      return 0;
    });
  },
});

function tellUnchanged({ name, latest_build: { version } }: WorkspaceView): string {
  return sentence`${name} runs version ${version} with these values: nothing is to be done.\n`;
}
