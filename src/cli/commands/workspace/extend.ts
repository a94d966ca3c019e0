// `standby workspace extend`
import { AppError } from '../../../base/app-error.ts';
import { formatInstant } from '../../../base/clock.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';
import { describeEnd, readSeconds } from '../../workspace/life.ts';

export const command = defineCommand({
  name: 'workspace extend',
  summary: 'let a workspace run longer than it would',
  description:
    'Moves its deadline, at most to the end of its lifetime. The next start has its usual time again.',
  arguments: {
    workspace: WORKSPACE_ARGUMENT,
    duration: { summary: 'by how much: 30m, 2h, 1d' },
  },
  options: {},
  examples: ['standby workspace extend demo 2h'],
  run: async (context, { workspace: nameOrId, duration }) => {
    const seconds = readSeconds('the duration', duration);
    const client = await connect(context);
    const { id, name, deadline_at: former } = await findWorkspace(client, nameOrId);
    if (former === null) throw new AppError('NO_DEADLINE', `workspace ${name} has no deadline`);
    // A time rather than a duration: asked again after a lost answer, it is the same.
    const deadline_at = formatInstant(Date.parse(former) + seconds * 1_000);
    const { body } = await client.call(workspaceRoutes.updateWorkspace, {
      params: { workspace: id },
      body: { deadline_at },
    });
    const now = context.kit.clock.now();
    answer(context, body, (shown) => sentence`${shown.name} ${describeEnd(shown, now)}.\n`);
    return 0;
  },
});
