// `standby pool list`
import { defineCommand } from '../../command.ts';
import { readPools } from '../../pool/read.ts';
import { renderPools } from '../../pool/table.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';

export const command = defineCommand({
  name: 'pool list',
  summary: 'list the pools of an organization: how many are ready, and why not more',
  arguments: {},
  options: {
    org: ORGANIZATION_OPTION,
    template: { kind: 'text', value: 'NAME', summary: 'only those of a template' },
  },
  run: async (context, { org, template }) => {
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const pools = await readPools(client, { organization, template });
    answer(context, pools, (rows, colors) => renderPools(colors, rows));
    return 0;
  },
});
