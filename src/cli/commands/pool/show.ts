// `standby pool show`
import type { Instant } from '../../../base/clock.ts';
import { poolRoutes } from '../../../contract/pool/route.ts';
import type { PoolDetailView } from '../../../contract/pool/schema.ts';
import { defineCommand } from '../../command.ts';
import { parsePoolName } from '../../pool/read.ts';
import { describePool } from '../../pool/table.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import type { Colors } from '../../show/colors.ts';
import { renderFacts, renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'pool show',
  summary: 'show a pool: its state, its prebuilds and what happened to it',
  arguments: { pool: { summary: 'TEMPLATE/PRESET' } },
  options: { org: ORGANIZATION_OPTION },
  examples: ['standby pool show hello/small'],
  run: async (context, { pool, org }) => {
    const names = parsePoolName(pool);
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const { body } = await client.call(poolRoutes.getPool, { params: { organization, ...names } });
    const now = context.kit.clock.now();
    answer(context, body, (shown, colors) => render(colors, shown, now));
    return 0;
  },
});

function render(colors: Colors, pool: PoolDetailView, now: Instant): string {
  const { state } = pool;
  const facts = renderFacts(colors, [
    ['pool', `${pool.organization}/${pool.template}/${pool.preset}`],
    ['version', pool.version ?? '-'],
    ['state', describePool(pool)],
    ...(state === null
      ? []
      : Object.entries(state).map(([name, value]): [string, string] => [
          name.replaceAll('_', ' '),
          String(value ?? '-'),
        ])),
  ]);
  const members = renderTable(colors, {
    heads: ['prebuild', 'name', 'status', 'ready', 'age', 'problem'],
    rows: pool.members.map((member) => [
      member.workspace_id,
      member.name,
      member.status,
      member.ready ? 'yes' : 'no',
      formatAge(member.since, now),
      member.problem ?? '-',
    ]),
    empty: 'It has no prebuilds.',
  });
  const events = renderTable(colors, {
    heads: ['event', 'when', 'workspace', 'reason'],
    rows: pool.events.map((event) => [
      event.kind,
      `${formatAge(event.at, now)} ago`,
      event.workspace_id ?? '-',
      event.reason ?? '-',
    ]),
    empty: 'Nothing has happened to it.',
  });
  return `${facts}\n${members}\n${events}`;
}
