// `standby user list`
import { readPages } from '../../../client/pages.ts';
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'user list',
  summary: 'list users (administrators)',
  arguments: {},
  options: {},
  run: async (context) => {
    const client = await connect(context);
    const users = await collect(
      readPages((query) => client.call(peopleRoutes.listUsers, { query })),
    );
    const now = context.kit.clock.now();
    answer(context, users, (rows, colors) =>
      renderTable(colors, {
        heads: ['username', 'name', 'email', 'roles', 'status', 'age'],
        rows: rows.map((row) => [
          row.username,
          row.display_name,
          row.email ?? '-',
          row.site_roles.join(', ') || '-',
          row.status,
          formatAge(row.created_at, now),
        ]),
        empty: 'There are no users.',
      }),
    );
    return 0;
  },
});
