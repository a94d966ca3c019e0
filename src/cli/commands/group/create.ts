// `standby group create`
import { groupRoutes } from '../../../contract/group/route.ts';
import { defineCommand } from '../../command.ts';
import { ALLOWANCE_OPTION, parseAllowance } from '../../group/allowance.ts';
import { askOfGroup, GROUP_ARGUMENT } from '../../group/ask.ts';
import { ORGANIZATION_OPTION } from '../../session/organization.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'group create',
  summary: 'make a group with nobody in it (administrators)',
  description:
    'Where quota is on (`standby quota on`), each in a group may spend what all of their groups allow ' +
    'together.',
  arguments: { group: GROUP_ARGUMENT },
  options: {
    allowance: { ...ALLOWANCE_OPTION, default: '0' },
    displayName: { kind: 'text', value: 'TEXT', summary: 'how it is called to people' },
    org: ORGANIZATION_OPTION,
  },
  examples: ['standby group create developers --allowance 25'],
  run: async (context, { group: name, allowance, displayName, org }) => {
    const daily_allowance = parseAllowance(allowance);
    return askOfGroup(context, {
      ...{ org, group: name },
      ask: async (client, { organization }) => {
        const body = { name, display_name: displayName, daily_allowance };
        const made = await client.call(groupRoutes.createGroup, { params: { organization }, body });
        return made.body;
      },
      tell: (group) =>
        sentence`Made group ${group.name}, which allows ${group.daily_allowance.toFixed(2)} a day.\n`,
    });
  },
});
