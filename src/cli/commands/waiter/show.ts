// `standby waiter show`
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { renderFacts } from '../../show/table.ts';
import { describeWaiter } from '../../waiter/describe.ts';
import { findWaiter, WAITER_ARGUMENT } from '../../waiter/find.ts';

export const command = defineCommand({
  name: 'waiter show',
  summary: 'show who waits for a prebuild: the place in line, or what became of it',
  arguments: { waiter: WAITER_ARGUMENT },
  options: {},
  run: async (context, values) => {
    const client = await connect(context);
    const waiter = await findWaiter(client, values.waiter);
    answer(context, waiter, (shown, colors) =>
      renderFacts(colors, [
        ['waiter', shown.id],
        ['name', shown.name],
        ['owner', shown.owner],
        ['pool', `${shown.organization}/${shown.template}/${shown.preset}`],
        ['state', describeWaiter(shown)],
        ['priority', String(shown.priority)],
        ['since', shown.created_at],
        ['deadline', shown.deadline_at],
        ['ended', shown.ended_at ?? '-'],
        ['workspace', shown.workspace_id ?? '-'],
      ]),
    );
    return 0;
  },
});
