// `standby waiter cancel`
import { waiterRoutes } from '../../../contract/waiter/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { findWaiter, WAITER_ARGUMENT } from '../../waiter/find.ts';

export const command = defineCommand({
  name: 'waiter cancel',
  summary: 'leave the line; nothing is left of the request, and its name is free',
  arguments: { waiter: WAITER_ARGUMENT },
  options: {},
  run: async (context, values) => {
    const client = await connect(context);
    const { id } = await findWaiter(client, values.waiter);
    const { body } = await client.call(waiterRoutes.cancelWaiter, { params: { waiter: id } });
    answer(context, body, ({ name }) => sentence`${name} does not wait any more.\n`);
    return 0;
  },
});
