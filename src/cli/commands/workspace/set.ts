// `standby workspace set`
import { AppError } from '../../../base/app-error.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { renderFacts } from '../../show/table.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { describeLife, readAutostart, readTtl, TIMEZONE_OPTION } from '../../workspace/life.ts';

export const command = defineCommand({
  name: 'workspace set',
  summary: 'set how long a workspace runs, and when it starts by itself',
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
  },
  examples: [
    'standby workspace set demo --ttl 8h',
    'standby workspace set demo --autostart "0 9 * * 1-5" --timezone Europe/Berlin',
  ],
  run: async (context, { workspace: nameOrId, ttl, ...schedule }) => {
    const ttl_seconds = readTtl(ttl);
    const autostart = readAutostart(schedule);
    if (ttl_seconds === undefined && autostart === undefined) {
      const hint = 'Give --ttl or --autostart.';
      throw new AppError('USAGE', { detail: 'nothing is to be set', hint });
    }
    const client = await connect(context);
    const { id } = await findWorkspace(client, nameOrId);
    const { body } = await client.call(workspaceRoutes.updateWorkspace, {
      params: { workspace: id },
      body: { ttl_seconds, autostart },
    });
    const now = context.kit.clock.now();
    answer(context, body, (shown, colors) =>
      renderFacts(colors, [['workspace', shown.name], ...describeLife(shown, now)]),
    );
    return 0;
  },
});
