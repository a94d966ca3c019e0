// `standby keys list`
import { keyRoutes } from '../../../contract/key/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'keys list',
  summary: 'list the keys that seal stored states and secrets (administrators)',
  arguments: {},
  options: {},
  run: async (context) => {
    const client = await connect(context);
    const { items } = (await client.call(keyRoutes.listDataKeys, {})).body;
    const now = context.kit.clock.now();
    answer(context, items, (rows, colors) =>
      renderTable(colors, {
        heads: ['id', 'state', 'sealed values', 'age'],
        rows: rows.map((row) => [
          row.id,
          row.retired_at === null ? 'current' : `retired ${formatAge(row.retired_at, now)} ago`,
          String(row.sealed),
          formatAge(row.created_at, now),
        ]),
        empty: 'There are no keys.',
      }),
    );
    return 0;
  },
});
