// `standby group list`
import { readPages } from '../../../client/pages.ts';
import { groupRoutes } from '../../../contract/group/route.ts';
import { defineCommand } from '../../command.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';

export const command = defineCommand({
  name: 'group list',
  summary: 'list the groups of an organization, and what they allow',
  arguments: {},
  options: { org: ORGANIZATION_OPTION },
  run: async (context, { org }) => {
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const groups = await collect(
      readPages((query) =>
        client.call(groupRoutes.listGroups, { params: { organization }, query }),
      ),
    );
    answer(context, groups, (rows, colors) =>
      renderTable(colors, {
        heads: ['name', 'allows a day', 'members', 'display name'],
        rows: rows.map((row) => [
          row.name,
          row.daily_allowance.toFixed(2),
          String(row.member_count),
          row.display_name,
        ]),
        empty: 'There are no groups. `standby group create` makes one.',
      }),
    );
    return 0;
  },
});
