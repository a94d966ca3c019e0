// `standby pool show`
import type { Instant } from '../../../base/clock.ts';
import { poolRoutes } from '../../../contract/pool/route.ts';
import type { PoolDetailView } from '../../../contract/pool/schema.ts';
import { defineCommand } from '../../command.ts';
import { describeNextTurn } from '../../pool/plan.ts';
import { choosePool, POOL_ARGUMENT } from '../../pool/read.ts';
import { describePool } from '../../pool/table.ts';
import { describeRehearsal } from '../../rehearsal/describe.ts';
import { ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import type { Colors } from '../../show/colors.ts';
import { renderReplacements } from '../../show/replacement.ts';
import { renderFacts, renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';
import { describeWaiter } from '../../waiter/describe.ts';

export const command = defineCommand({
  name: 'pool show',
  summary:
    'show a pool: its state, what its next turn does, its prebuilds, who waits for one, and what happened to it',
  arguments: { pool: POOL_ARGUMENT },
  options: { org: ORGANIZATION_OPTION },
  examples: ['standby pool show hello/small'],
  run: async (context, { pool, org }) => {
    const client = await connect(context);
    const params = await choosePool(context, client, { pool, org });
    const { body } = await client.call(poolRoutes.getPool, { params });
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
    ['next turn', describeNextTurn(pool)],
    ['next boundary', pool.plan.next_boundary ?? 'none: nothing falls due by itself'],
    ['size', describeSize(pool)],
    ...(pool.rehearsal === null ? [] : [['rehearsal', describeRehearsal(pool.rehearsal)] as const]),
    ['last invalidated', pool.last_invalidated_at ?? 'never'],
    ...(pool.limit === null ? [] : [['trial', describeTrial(pool.limit)] as const]),
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
  const waiters = renderTable(colors, {
    heads: ['in line', 'for', 'priority', 'since', 'state'],
    rows: pool.waiters.map((waiter) => [
      waiter.owner,
      waiter.name,
      String(waiter.priority),
      `${formatAge(waiter.created_at, now)} ago`,
      describeWaiter(waiter),
    ]),
    empty: 'Nobody waits for one.',
  });
  const events = renderTable(colors, {
    heads: ['event', 'when', 'workspace', 'by', 'reason'],
    rows: pool.events.map((event) => [
      event.kind,
      `${formatAge(event.at, now)} ago`,
      event.workspace_id ?? '-',
      typeof event.details['by'] === 'string' ? event.details['by'] : '-',
      event.reason ?? '-',
    ]),
    empty: 'Nothing has happened to it.',
  });
  const replaced = renderReplacements(colors, {
    head: 'lost by a claim',
    replaced: pool.rehearsal?.findings ?? [],
  });
  return [facts, ...(replaced === '' ? [] : [replaced]), members, waiters, events].join('\n');
}

function describeSize({ size_override: size }: PoolDetailView): string {
  if (size === null) return 'as its template says';
  return `${size.instances}, set by hand; schedules ${size.overrides_schedules ? 'do not' : 'still'} apply`;
}

function describeTrial(limit: NonNullable<PoolDetailView['limit']>): string {
  return limit.trial_workspace_id === null
    ? `at ${limit.trial_at}`
    : `under way: ${limit.trial_workspace_id}`;
}
