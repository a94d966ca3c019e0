// `standby group delete`
import { groupRoutes } from '../../../contract/group/route.ts';
import { defineCommand } from '../../command.ts';
import { askOfGroup, GROUP_ARGUMENT } from '../../group/ask.ts';
import { ORGANIZATION_OPTION } from '../../session/organization.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'group delete',
  summary: 'delete a group; those in it stay in the organization (administrators)',
  arguments: { group: GROUP_ARGUMENT },
  options: { org: ORGANIZATION_OPTION },
  run: (context, { group: name, org }) =>
    askOfGroup(context, {
      ...{ org, group: name },
      ask: async (client, params) => {
        await client.call(groupRoutes.deleteGroup, { params });
        return { deleted: params.group };
      },
      tell: ({ deleted }) => sentence`Deleted group ${deleted}.\n`,
    }),
});
