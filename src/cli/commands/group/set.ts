// `standby group set`
import { AppError } from '../../../base/app-error.ts';
import { groupRoutes } from '../../../contract/group/route.ts';
import { defineCommand } from '../../command.ts';
import { ALLOWANCE_OPTION, parseAllowance } from '../../group/allowance.ts';
import { askOfGroup, GROUP_ARGUMENT } from '../../group/ask.ts';
import { ORGANIZATION_OPTION } from '../../session/organization.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'group set',
  summary: 'change what a group allows, or how it is called (administrators)',
  description:
    'A smaller allowance takes nothing away from anybody; what would cost more is refused from then on. ' +
    'What the pools of an organization may spend is the allowance of its group prebuilt-workspaces.',
  arguments: { group: GROUP_ARGUMENT },
  options: {
    allowance: ALLOWANCE_OPTION,
    displayName: { kind: 'text', value: 'TEXT', summary: 'how it is called to people' },
    org: ORGANIZATION_OPTION,
  },
  examples: ['standby group set prebuilt-workspaces --allowance 250'],
  run: async (context, { group: name, allowance, displayName, org }) => {
    if (allowance === undefined && displayName === undefined) {
      throw new AppError('USAGE', {
        detail: 'nothing to change is given',
        hint: 'Give --allowance, --display-name, or both.',
      });
    }
    const body = {
      display_name: displayName,
      daily_allowance: allowance === undefined ? undefined : parseAllowance(allowance),
    };
    return askOfGroup(context, {
      ...{ org, group: name },
      ask: async (client, params) =>
        (await client.call(groupRoutes.changeGroup, { params, body })).body,
      tell: (group) =>
        sentence`${group.name} (${group.display_name}) lets each in it spend ${group.daily_allowance.toFixed(2)} a day.\n`,
    });
  },
});
