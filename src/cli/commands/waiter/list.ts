// `standby waiter list`
import { readPages } from '../../../client/pages.ts';
import { waiterRoutes } from '../../../contract/waiter/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';
import { describeWaiter } from '../../waiter/describe.ts';

export const command = defineCommand({
  name: 'waiter list',
  summary: 'list who waits for a prebuild',
  description: 'What became of waiters is shown with --all; it is kept for a day.',
  arguments: {},
  options: {
    owner: {
      kind: 'text',
      value: 'NAME',
      summary: 'whose (administrators), or "all"; yours, if left out',
    },
    template: { kind: 'text', value: 'NAME', summary: 'only those of a template' },
    all: { kind: 'flag', summary: 'those that wait no more, too' },
  },
  run: async (context, { owner, template, all }) => {
    const client = await connect(context);
    const state = all ? undefined : ('waiting' as const);
    const waiters = await collect(
      readPages((page) =>
        client.call(waiterRoutes.listWaiters, { query: { owner, template, state, ...page } }),
      ),
    );
    const now = context.kit.clock.now();
    answer(context, waiters, (rows, colors) =>
      renderTable(colors, {
        heads: ['name', 'owner', 'pool', 'priority', 'state', 'age', 'id'],
        rows: rows.map((row) => [
          row.name,
          row.owner,
          `${row.organization}/${row.template}/${row.preset}`,
          String(row.priority),
          describeWaiter(row),
          formatAge(row.created_at, now),
          row.id,
        ]),
        empty: 'Nobody waits; `standby create --on-empty wait` does where no prebuild is ready.',
      }),
    );
    return 0;
  },
});
