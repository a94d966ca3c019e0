// `standby org create`
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'org create',
  summary: 'make an organization (administrators)',
  arguments: { name: { summary: 'its name' } },
  options: { displayName: { kind: 'text', value: 'TEXT', summary: 'how it is called to people' } },
  run: async (context, { name, displayName }) => {
    const client = await connect(context);
    const { body } = await client.call(peopleRoutes.createOrganization, {
      body: { name, display_name: displayName },
    });
    answer(context, body, () => sentence`Made organization ${body.name}.\n`);
    return 0;
  },
});
