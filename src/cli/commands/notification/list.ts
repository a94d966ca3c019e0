// `standby notification list`
import { readPages } from '../../../client/pages.ts';
import { notificationRoutes } from '../../../contract/notification/route.ts';
import { defineCommand } from '../../command.ts';
import { describeNotification } from '../../notification/describe.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'notification list',
  summary: 'list what you are told: so far, what claims replace (administrators)',
  arguments: {},
  options: { all: { kind: 'flag', summary: 'those that you have read, too' } },
  run: async (context, { all }) => {
    const client = await connect(context);
    const unread = all ? undefined : ('true' as const);
    const notifications = await collect(
      readPages((page) =>
        client.call(notificationRoutes.listNotifications, { query: { unread, ...page } }),
      ),
    );
    const now = context.kit.clock.now();
    answer(context, notifications, (rows, colors) =>
      renderTable(colors, {
        heads: ['age', 'about', 'version', 'what', 'read', 'id'],
        rows: rows.map((row) => [
          formatAge(row.created_at, now),
          [row.organization, row.template, ...(row.preset === null ? [] : [row.preset])].join('/'),
          row.version,
          describeNotification(row),
          row.read_at === null ? 'no' : 'yes',
          row.id,
        ]),
        empty: all ? 'You have been told nothing.' : 'There is nothing that you have not read.',
      }),
    );
    return 0;
  },
});
