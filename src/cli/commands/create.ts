// `standby create`: asks for a workspace, stands in line for it if told so, and waits until it can be used.
import { AppError } from '../../base/app-error.ts';
import { parseDurationMs } from '../../base/duration.ts';
import { excerpt } from '../../base/excerpt.ts';
import { createId } from '../../base/id.ts';
import type { Client } from '../../client/client.ts';
import { insist, patiently } from '../../client/insist.ts';
import type { WaiterView } from '../../contract/waiter/schema.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { CreateWorkspaceAnswer } from '../../contract/workspace/schema.ts';
import { MAX_PRIORITY } from '../../domain/waiter/outcome.ts';
import { defineCommand, type CommandContext } from '../command.ts';
import { interruptible, type Farewell } from '../session/interruptible.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../session/organization.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';
import { sentence } from '../show/harmless.ts';
import { formatSeconds } from '../show/time.ts';
import { describeClaim, describeOpening } from '../workspace/describe.ts';
import { describeWaiter } from '../waiter/describe.ts';
import { leaveLine, waitToBeServed, type InLine } from '../waiter/line.ts';
import {
  AUTOMATIC_UPDATES_OPTION,
  readAutostart,
  readTtl,
  TIMEZONE_OPTION,
  TTL_OPTION,
} from '../workspace/life.ts';
import { readOwnerValues } from '../workspace/owner-values.ts';
import { readParameters } from '../workspace/parameters.ts';
import { waitUntil } from '../workspace/wait.ts';

/** As long as the server lets anybody wait. */
const MAX_WAIT_MS = 86_400_000;

export const command = defineCommand({
  name: 'create',
  summary: 'get a workspace: a prebuilt one if there is any, else a new one',
  description:
    'Prints how to open it once it can be used, and why it was not waiting if it was not. With --on-empty ' +
    'wait it stands in line where no prebuilt one is ready, and leaves the line when it is interrupted.',
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
    env: {
      kind: 'text',
      value: 'K=V',
      repeat: true,
      summary: 'a variable for what runs in the workspace, handed over by its agents',
    },
    secret: {
      kind: 'text',
      value: 'K=@FILE',
      repeat: true,
      summary:
        'a secret for the workspace: the text of a file as it is, or "@-" for standard input without its last line break',
    },
    file: {
      kind: 'text',
      value: 'PATH=@FILE',
      repeat: true,
      summary: "a file for the workspace, below the owner's folder",
    },
    onEmpty: {
      kind: 'text',
      value: 'WHAT',
      choices: ['create', 'wait', 'fail'],
      default: 'create',
      summary: 'what to do when no prebuilt one is ready',
    },
    priority: {
      kind: 'integer',
      value: 'N',
      min: -MAX_PRIORITY,
      max: MAX_PRIORITY,
      default: 0,
      summary: 'where people wait in line, the highest goes first',
    },
    waitTimeout: {
      kind: 'text',
      value: 'DURATION',
      default: '1h',
      summary: 'how long to stay in line at most: 30s, 10m, 2h, up to 1d',
    },
    ttl: TTL_OPTION,
    autostart: {
      kind: 'text',
      value: 'CRON',
      summary: 'when it starts by itself; never, if left out',
    },
    timezone: TIMEZONE_OPTION,
    automaticUpdates: AUTOMATIC_UPDATES_OPTION,
    org: ORGANIZATION_OPTION,
    noWait: { kind: 'flag', summary: 'print what was made, and do not wait for it' },
  },
  examples: [
    'standby create demo --template hello',
    'standby create api --template go-dev --preset large-eu --parameter region=us',
    'standby create demo --template hello --autostart "0 9 * * 1-5" --timezone Europe/Berlin',
    'standby create ci-17 --template go-dev --on-empty wait --wait-timeout 10m --ttl 2h',
    'standby create api --template go-dev --parameter-file token=- < token',
    'standby create api --template go-dev --env STAGE=test --secret npm=@token --file .npmrc=@.npmrc',
  ],
  run: async (context, values) => {
    const { name, template, preset, onEmpty, priority, org, noWait } = values;
    const parameters = await readParameters(context, values);
    const ownerValues = await readOwnerValues(context, values);
    const wait_timeout_seconds = readWaitTimeout(values.waitTimeout);
    const ttl_seconds = readTtl(values.ttl);
    const autostart = readAutostart(values) ?? undefined;
    const client = await connect(context);
    let inLine: WaiterView | undefined;
    const farewell: Farewell = () =>
      inLine === undefined
        ? `${name} goes on without you: see \`standby workspace show ${name}\`${onEmpty === 'wait' ? ` or \`standby waiter show ${name}\`` : ''}.`
        : leaveLine(client, inLine);
    return interruptible(context, farewell, async (signal) => {
      const startedMs = context.kit.clock.monotonicMs();
      const organization = await chooseOrganization(context, client, org);
      // With one key, a request whose answer was lost is not carried out twice.
      const key = createId(context.kit);
      const asked = await insist(context.kit, signal, () =>
        client.call(
          workspaceRoutes.createWorkspace,
          {
            params: { organization },
            headers: { 'idempotency-key': key },
            body: {
              ...{
                name,
                template,
                preset,
                parameters,
                priority,
                wait_timeout_seconds,
                ttl_seconds,
                autostart,
                automatic_updates: values.automaticUpdates,
              },
              ...ownerValues,
              on_empty: onEmpty,
            },
          },
          { signal },
        ),
      );
      if (asked.status === 202 && noWait) {
        answer(context, asked.body, ({ waiter }) => renderWaiter(waiter));
        return 0;
      }
      if (asked.status === 202) inLine = asked.body.waiter;
      const created =
        asked.status === 202
          ? await beServed(context, client, { waiter: asked.body.waiter, signal })
          : asked.body;
      inLine = undefined;
      const workspace = noWait
        ? created.workspace
        : await waitUntil('usable', context, { client, workspace: created.workspace, signal });
      const took = formatSeconds(context.kit.clock.monotonicMs() - startedMs);
      answer(context, { ...created, workspace }, (shown) => render(shown, took));
      return 0;
    });
  },
});

async function beServed(
  context: CommandContext,
  client: Client,
  line: InLine,
): Promise<CreateWorkspaceAnswer> {
  const params = { workspace: await waitToBeServed(context, client, line) };
  const { signal } = line;
  const untilAnswered = patiently(context.kit, { signal });
  const { body } = await untilAnswered(() =>
    client.call(workspaceRoutes.getWorkspace, { params, query: {} }, { signal }),
  );
  return { workspace: body, claimed: true, reason: null };
}

/** Throws USAGE. */
function readWaitTimeout(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms >= 1_000 && ms <= MAX_WAIT_MS) return Math.floor(ms / 1_000);
  throw new AppError('USAGE', {
    detail: `--wait-timeout is ${excerpt(text)}, not a duration from 1s to 1d`,
    hint: 'For example: --wait-timeout 10m',
  });
}

function renderWaiter(waiter: WaiterView): string {
  const { id, name } = waiter;
  return (
    sentence`${name} is ${describeWaiter(waiter)}.\n` +
    sentence`\`standby waiter show ${id}\` tells how it goes, \`standby waiter cancel ${id}\` ends it.\n`
  );
}

function render(created: CreateWorkspaceAnswer, took: string): string {
  const { workspace } = created;
  const opening = describeOpening(workspace);
  const state = workspace.usable ? `is ready after ${took}` : `is ${workspace.status}`;
  const open = workspace.usable && opening !== '' ? sentence`Open it: ${opening}\n` : '';
  return sentence`${workspace.name} ${state}, ${describeClaim(created)}.\n` + open;
}
