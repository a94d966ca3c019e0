// `standby workspace set`
import { AppError } from '../../../base/app-error.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { renderFacts } from '../../show/table.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import {
  AUTOMATIC_UPDATES_OPTION,
  describeLife,
  readAutostart,
  readTtl,
  TIMEZONE_OPTION,
} from '../../workspace/life.ts';

export const command = defineCommand({
  name: 'workspace set',
  summary: 'set how long a workspace runs, when it starts by itself, and with which version',
  description:
    'With --ttl one that runs has the time from now on; --ttl none takes its deadline away. A schedule is cron: ' +
    'minute, hour, day of month, month, day of week. The workspace starts where a range of its minutes begins.',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {
    ttl: {
      kind: 'text',
      value: 'DURATION',
      summary: 'how long it runs after each start: 30m, 8h, 2d, or none',
    },
    autostart: {
      kind: 'text',
      value: 'CRON',
      summary: 'when it starts by itself, or none',
    },
    timezone: TIMEZONE_OPTION,
    automaticUpdates: AUTOMATIC_UPDATES_OPTION,
  },
  examples: [
    'standby workspace set demo --ttl 8h',
    'standby workspace set demo --autostart "0 9 * * 1-5" --timezone Europe/Berlin',
    'standby workspace set demo --automatic-updates always',
  ],
  run: async (context, { workspace: nameOrId, ttl, automaticUpdates, ...schedule }) => {
    const ttl_seconds = readTtl(ttl);
    const autostart = readAutostart(schedule);
    const life = { ttl_seconds, autostart, automatic_updates: automaticUpdates };
    if (Object.values(life).every((value) => value === undefined)) {
      const hint = 'Give --ttl, --autostart or --automatic-updates.';
      throw new AppError('USAGE', { detail: 'nothing is to be set', hint });
    }
    const client = await connect(context);
    const { id } = await findWorkspace(client, nameOrId);
    const { body } = await client.call(workspaceRoutes.updateWorkspace, {
      params: { workspace: id },
      body: life,
    });
    const now = context.kit.clock.now();
    answer(context, body, (shown, colors) =>
      renderFacts(colors, [['workspace', shown.name], ...describeLife(shown, now)]),
    );
    return 0;
  },
});
