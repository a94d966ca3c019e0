// `standby org add-member`
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'org add-member',
  summary: 'make a user a member of an organization (administrators)',
  arguments: {
    organization: { summary: 'the organization' },
    username: { summary: 'the user' },
  },
  options: {},
  run: async (context, { organization, username }) => {
    const client = await connect(context);
    const { body } = await client.call(peopleRoutes.addMember, {
      params: { organization, username },
    });
    answer(context, body, () => sentence`${body.username} is a member of ${body.organization}.\n`);
    return 0;
  },
});
