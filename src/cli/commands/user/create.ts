// `standby user create`
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'user create',
  summary: 'make a user (administrators)',
  arguments: { username: { summary: 'the name to log in with' } },
  options: {
    org: { kind: 'text', value: 'NAME', summary: 'an organization to join', repeat: true },
    admin: { kind: 'flag', summary: 'make an administrator of the whole site' },
    displayName: { kind: 'text', value: 'TEXT', summary: 'the name people know' },
    email: { kind: 'text', value: 'ADDRESS', summary: 'where to write to' },
  },
  examples: ['standby user create ann --org default'],
  run: async (context, { username, org, admin, displayName, email }) => {
    const client = await connect(context);
    const { body } = await client.call(peopleRoutes.createUser, {
      body: { username, display_name: displayName, email, admin, organizations: [...org] },
    });
    answer(
      context,
      body,
      () =>
        sentence`Made user ${body.username}.\n` +
        sentence`Make a token: standby token create NAME --user ${body.username}\n`,
    );
    return 0;
  },
});
