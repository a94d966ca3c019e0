// `standby token revoke`
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'token revoke',
  summary: 'end a token at once',
  arguments: { id: { summary: 'its id, from `standby token list`' } },
  options: {},
  run: async (context, { id }) => {
    const client = await connect(context);
    await client.call(peopleRoutes.revokeToken, { params: { token: id } });
    answer(context, { id, revoked: true }, () => sentence`Revoked token ${id}.\n`);
    return 0;
  },
});
