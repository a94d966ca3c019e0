// `standby quota show`
import { quotaRoutes } from '../../../contract/quota/route.ts';
import { defineCommand } from '../../command.ts';
import { describeQuota } from '../../quota/describe.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';

export const command = defineCommand({
  name: 'quota show',
  summary: 'show what you and the pools of an organization may spend a day, and do',
  description: 'Administrators see who spends more than they may, too.',
  arguments: {},
  options: { org: ORGANIZATION_OPTION },
  run: async (context, { org }) => {
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const { body } = await client.call(quotaRoutes.getQuota, { params: { organization } });
    answer(context, body, describeQuota);
    return 0;
  },
});
