// `standby group remove`
import { groupRoutes } from '../../../contract/group/route.ts';
import { defineCommand } from '../../command.ts';
import { askOfGroup, GROUP_ARGUMENT } from '../../group/ask.ts';
import { ORGANIZATION_OPTION } from '../../session/organization.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'group remove',
  summary: 'take somebody out of a group (administrators)',
  arguments: { group: GROUP_ARGUMENT, username: { summary: 'the user' } },
  options: { org: ORGANIZATION_OPTION },
  run: (context, { group: name, username, org }) =>
    askOfGroup(context, {
      ...{ org, group: name },
      ask: async (client, params) => {
        const asked = { params: { ...params, username } };
        return (await client.call(groupRoutes.removeGroupMember, asked)).body;
      },
      tell: (group) => sentence`${username} is not in ${group.name}.\n`,
    }),
});
