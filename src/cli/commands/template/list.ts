// `standby template list`
import { readPages } from '../../../client/pages.ts';
import { templateRoutes } from '../../../contract/template/route.ts';
import { defineCommand } from '../../command.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'template list',
  summary: 'list the templates of an organization',
  arguments: {},
  options: { org: ORGANIZATION_OPTION },
  run: async (context, { org }) => {
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const params = { organization };
    const templates = await collect(
      readPages((query) => client.call(templateRoutes.listTemplates, { params, query })),
    );
    const now = context.kit.clock.now();
    answer(context, templates, (rows, colors) =>
      renderTable(colors, {
        heads: ['name', 'active', 'driver', 'presets', 'updated', 'deprecated'],
        rows: rows.map((row) => [
          row.name,
          row.active_version ?? '-',
          row.driver ?? '-',
          row.presets.join(', ') || '-',
          `${formatAge(row.updated_at, now)} ago`,
          row.deprecated || '-',
        ]),
        empty: `Organization ${organization} has no templates; push one with \`standby template push\`.`,
      }),
    );
    return 0;
  },
});
