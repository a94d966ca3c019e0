// `standby group add`
import { groupRoutes } from '../../../contract/group/route.ts';
import { defineCommand } from '../../command.ts';
import { askOfGroup, GROUP_ARGUMENT } from '../../group/ask.ts';
import { ORGANIZATION_OPTION } from '../../session/organization.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'group add',
  summary: 'put somebody of the organization into a group (administrators)',
  arguments: { group: GROUP_ARGUMENT, username: { summary: 'the user' } },
  options: { org: ORGANIZATION_OPTION },
  run: (context, { group: name, username, org }) =>
    askOfGroup(context, {
      ...{ org, group: name },
      ask: async (client, params) => {
        const asked = { params: { ...params, username } };
        return (await client.call(groupRoutes.addGroupMember, asked)).body;
      },
      tell: (group) => sentence`${username} is in ${group.name}.\n`,
    }),
});
