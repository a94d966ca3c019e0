// `standby org list`
import { readPages } from '../../../client/pages.ts';
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { collect } from '../../show/collect.ts';
import { answer } from '../../show/answer.ts';
import { renderTable } from '../../show/table.ts';

export const command = defineCommand({
  name: 'org list',
  summary: 'list the organizations you may see',
  arguments: {},
  options: {},
  run: async (context) => {
    const client = await connect(context);
    const organizations = await collect(
      readPages((query) => client.call(peopleRoutes.listOrganizations, { query })),
    );
    answer(context, organizations, (rows, colors) =>
      renderTable(colors, {
        heads: ['name', 'display name'],
        rows: rows.map((row) => [row.name, row.display_name]),
        empty: 'You belong to no organization.',
      }),
    );
    return 0;
  },
});
