// `standby whoami`: whose token is in use, and where.
import { peopleRoutes } from '../../contract/people/route.ts';
import { defineCommand } from '../command.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';
import { renderFacts } from '../show/table.ts';

export const command = defineCommand({
  name: 'whoami',
  summary: 'show whose token is in use, and for which control plane',
  arguments: {},
  options: {},
  run: async (context) => {
    const client = await connect(context);
    const { body } = await client.call(peopleRoutes.whoami, {});
    answer(context, { url: client.url, ...body }, ({ url, user, organizations }, colors) =>
      renderFacts(colors, [
        ['user', user.username],
        ['name', user.display_name],
        ['roles', user.site_roles.join(', ') || '-'],
        ['organizations', organizations.map(({ name }) => name).join(', ') || '-'],
        ['server', url],
      ]),
    );
    return 0;
  },
});
