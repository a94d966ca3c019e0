// `standby token list`
import { readPages } from '../../../client/pages.ts';
import { peopleRoutes } from '../../../contract/people/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'token list',
  summary: 'list your tokens',
  arguments: {},
  options: {},
  run: async (context) => {
    const client = await connect(context);
    const tokens = await collect(
      readPages((query) => client.call(peopleRoutes.listTokens, { query })),
    );
    const now = context.kit.clock.now();
    answer(context, tokens, (rows, colors) =>
      renderTable(colors, {
        heads: ['id', 'name', 'age', 'last used', 'expires'],
        rows: rows.map((row) => [
          row.id,
          row.name,
          formatAge(row.created_at, now),
          row.last_used_at === null ? 'never' : `${formatAge(row.last_used_at, now)} ago`,
          row.expires_at ?? 'never',
        ]),
        empty: 'You have no tokens.',
      }),
    );
    return 0;
  },
});
