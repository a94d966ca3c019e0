// `standby create`: asks for a workspace and waits until it can be used.
import { createId } from '../../base/id.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { CreateWorkspaceAnswer } from '../../contract/workspace/schema.ts';
import { defineCommand } from '../command.ts';
import { interruptible } from '../session/interruptible.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../session/organization.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';
import { sentence } from '../show/harmless.ts';
import { formatSeconds } from '../show/time.ts';
import { describeClaim, describeOpening } from '../workspace/describe.ts';
import { insist } from '../session/insist.ts';
import { readParameters } from '../workspace/parameters.ts';
import { waitUntilUsable } from '../workspace/wait.ts';

export const command = defineCommand({
  name: 'create',
  summary: 'get a workspace: a prebuilt one if there is any, else a new one',
  description:
    'Prints how to open it once it can be used, and why it was not waiting if it was not.',
  arguments: { name: { summary: 'what to call it' } },
  options: {
    template: { kind: 'text', value: 'NAME', short: 't', required: true, summary: 'from which' },
    preset: {
      kind: 'text',
      value: 'NAME',
      summary: 'a preset of the template, or "none"; the best match, if left out',
    },
    parameter: { kind: 'text', value: 'K=V', repeat: true, summary: 'a value for a parameter' },
    parameterFile: {
      kind: 'text',
      value: 'K=FILE',
      repeat: true,
      summary: 'the same from a file, or "-" for standard input: for sensitive ones',
    },
    onEmpty: {
      kind: 'text',
      value: 'WHAT',
      choices: ['create', 'fail'],
      default: 'create',
      summary: 'what to do when no prebuilt one is ready',
    },
    org: ORGANIZATION_OPTION,
    noWait: { kind: 'flag', summary: 'print what was made, and do not wait for it' },
  },
  examples: [
    'standby create demo --template hello',
    'standby create api --template go-dev --preset large-eu --parameter region=us',
    'standby create api --template go-dev --parameter-file token=- < token',
  ],
  run: async (context, values) => {
    const { name, template, preset, onEmpty, org, noWait } = values;
    const parameters = await readParameters(context, values);
    const client = await connect(context);
    const farewell = `${name} goes on without you: see \`standby workspace show ${name}\`.`;
    return interruptible(context, farewell, async (signal) => {
      const startedMs = context.kit.clock.monotonicMs();
      const organization = await chooseOrganization(context, client, org);
      // With one key, a request whose answer was lost is not carried out twice.
      const key = createId(context.kit);
      const { body: created } = await insist(context.kit, signal, () =>
        client.call(
          workspaceRoutes.createWorkspace,
          {
            params: { organization },
            headers: { 'idempotency-key': key },
            body: { name, template, preset, parameters, on_empty: onEmpty },
          },
          { signal },
        ),
      );
      const workspace = noWait
        ? created.workspace
        : await waitUntilUsable(context, client, { workspace: created.workspace, signal });
      const took = formatSeconds(context.kit.clock.monotonicMs() - startedMs);
      answer(context, { ...created, workspace }, (shown) => render(shown, took));
      return 0;
    });
  },
});

function render(created: CreateWorkspaceAnswer, took: string): string {
  const { workspace } = created;
  const opening = describeOpening(workspace);
  const state = workspace.usable ? `is ready after ${took}` : `is ${workspace.status}`;
  const open = workspace.usable && opening !== '' ? sentence`Open it: ${opening}\n` : '';
  return sentence`${workspace.name} ${state}, ${describeClaim(created)}.\n` + open;
}
