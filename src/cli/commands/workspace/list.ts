// `standby workspace list`
import { readPages } from '../../../client/pages.ts';
import { describeState } from '../../../client/describe-state.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';
import { describeOpening } from '../../workspace/describe.ts';
import { describeEnd } from '../../workspace/life.ts';

export const command = defineCommand({
  name: 'workspace list',
  summary: 'list workspaces',
  arguments: {},
  options: {
    owner: {
      kind: 'text',
      value: 'NAME',
      summary: 'whose (administrators), or "all" with prebuilds; yours, if left out',
    },
    template: { kind: 'text', value: 'NAME', summary: 'only those of a template' },
  },
  run: async (context, { owner, template }) => {
    const client = await connect(context);
    const workspaces = await collect(
      readPages((page) =>
        client.call(workspaceRoutes.listWorkspaces, { query: { owner, template, ...page } }),
      ),
    );
    const now = context.kit.clock.now();
    answer(context, workspaces, (rows, colors) =>
      renderTable(colors, {
        heads: ['name', 'owner', 'template', 'state', 'age', 'ends', 'open'],
        rows: rows.map((row) => [
          row.name,
          row.owner,
          `${row.organization}/${row.template}`,
          describeState(row),
          formatAge(row.created_at, now),
          describeEnd(row, now),
          describeOpening(row) || '-',
        ]),
        empty: 'There are no workspaces; get one with `standby create`.',
      }),
    );
    return 0;
  },
});
