// `standby workspace set`
import { AppError } from '../../../base/app-error.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { renderFacts } from '../../show/table.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { describeLife, readTtl, TTL_OPTION } from '../../workspace/life.ts';

export const command = defineCommand({
  name: 'workspace set',
  summary: 'set how long a workspace runs',
  description: 'One that runs has the time from now on; --ttl none takes its deadline away.',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {
    ttl: { ...TTL_OPTION, summary: 'how long it runs after each start: 30m, 8h, or none' },
  },
  examples: ['standby workspace set demo --ttl 8h'],
  run: async (context, { workspace: nameOrId, ttl }) => {
    const ttl_seconds = readTtl(ttl);
    if (ttl_seconds === undefined) {
      throw new AppError('USAGE', { detail: 'nothing is to be set', hint: 'Give --ttl.' });
    }
    const client = await connect(context);
    const { id } = await findWorkspace(client, nameOrId);
    const { body } = await client.call(workspaceRoutes.updateWorkspace, {
      params: { workspace: id },
      body: { ttl_seconds },
    });
    const now = context.kit.clock.now();
    answer(context, body, (shown, colors) =>
      renderFacts(colors, [['workspace', shown.name], ...describeLife(shown, now)]),
    );
    return 0;
  },
});
