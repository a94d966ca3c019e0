// `standby token create`
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';

const SECONDS_PER_DAY = 86_400;

export const command = defineCommand({
  name: 'token create',
  summary: 'make a token and print it, once',
  description: 'The token goes to standard output alone, so that it can be piped.',
  arguments: { name: { summary: 'what it is for' } },
  options: {
    user: { kind: 'text', value: 'NAME', summary: 'for whom (administrators); you, if left out' },
    days: {
      kind: 'integer',
      value: 'N',
      min: 1,
      max: 3_650,
      summary: 'how long it is good for; without an end, if left out',
    },
  },
  examples: ['standby token create ci --days 90', 'standby token create laptop --user ann'],
  run: async (context, { name, user, days }) => {
    const client = await connect(context);
    const { body } = await client.call(peopleRoutes.createToken, {
      body: {
        name,
        username: user,
        lifetime_seconds: days === undefined ? undefined : days * SECONDS_PER_DAY,
      },
    });
    answer(context, body, () => sentence`${body.secret}\n`);
    if (context.io.isErrTty && !context.globals.json) {
      context.io.err('This is shown once. Revoke it with: ');
      context.io.err(`standby token revoke ${body.token.id}\n`);
    }
    return 0;
  },
});
