// `standby provisioner key list`
import { readPages } from '../../../../client/pages.ts';
import { daemonRoutes } from '../../../../contract/daemon/route.ts';
import { defineCommand } from '../../../command.ts';
import { formatTags } from '../../../provisioner/format-tags.ts';
import { connect } from '../../../session/target.ts';
import { answer } from '../../../show/answer.ts';
import { collect } from '../../../show/collect.ts';
import { renderTable } from '../../../show/table.ts';
import { formatAge } from '../../../show/time.ts';

export const command = defineCommand({
  name: 'provisioner key list',
  summary: 'list the keys of daemons (administrators)',
  arguments: {},
  options: {
    org: { kind: 'text', value: 'NAME', summary: 'only those that serve this organization' },
  },
  run: async (context, { org }) => {
    const client = await connect(context);
    const keys = await collect(
      readPages((page) =>
        client.call(daemonRoutes.listProvisionerKeys, { query: { organization: org, ...page } }),
      ),
    );
    const now = context.kit.clock.now();
    answer(context, keys, (rows, colors) =>
      renderTable(colors, {
        heads: ['id', 'name', 'organization', 'tags', 'daemons', 'age'],
        rows: rows.map((row) => [
          row.id,
          row.name,
          row.organization ?? '(all)',
          formatTags(row.tags),
          String(row.daemons_online),
          formatAge(row.created_at, now),
        ]),
        empty: 'There are no such keys.',
      }),
    );
    return 0;
  },
});
