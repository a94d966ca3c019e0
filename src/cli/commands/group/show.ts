// `standby group show`
import { groupRoutes } from '../../../contract/group/route.ts';
import { defineCommand } from '../../command.ts';
import { askOfGroup, GROUP_ARGUMENT } from '../../group/ask.ts';
import { ORGANIZATION_OPTION } from '../../session/organization.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'group show',
  summary: 'show what a group allows, and who is in it',
  arguments: { group: GROUP_ARGUMENT },
  options: { org: ORGANIZATION_OPTION },
  run: (context, { group: name, org }) =>
    askOfGroup(context, {
      ...{ org, group: name },
      ask: async (client, params) => (await client.call(groupRoutes.getGroup, { params })).body,
      tell: (group) =>
        [
          sentence`${group.name} (${group.display_name}) lets each in it spend ${group.daily_allowance.toFixed(2)} a day.\n`,
          group.members.length === 0 ? 'Nobody is in it.\n' : 'In it:\n',
          ...group.members.map((username) => sentence`  ${username}\n`),
        ].join(''),
    }),
});
