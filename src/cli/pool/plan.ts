// What the next turn of a pool would do, in words.
import type { PlannedPoolView } from '../../contract/pool/schema.ts';
import type { Colors } from '../show/colors.ts';
import { renderTable } from '../show/table.ts';
import { describeWithheld, NO_POOLS } from './table.ts';

type Plan = PlannedPoolView['plan'];
type PresetPlan = Plan['presets'][number];

/** `create 2, delete 1 (expired); v1: delete 3 (inactive)`; `nothing` when nothing is to be done. */
export function describeNextTurn({ plan, version }: PlannedPoolView): string {
  const { retire, retry } = plan.housekeeping;
  const parts = [
    ...plan.presets.flatMap((preset) => {
      const actions = describeActions(preset);
      if (actions === '') return [];
      return [preset.version === version ? actions : `${preset.version}: ${actions}`];
    }),
    ...(retire.length === 0 ? [] : [`delete ${retire.length} (kept failures)`]),
    ...(retry.length === 0 ? [] : [`delete ${retry.length} (again)`]),
    ...(plan.limit_event === null ? [] : [plan.limit_event.replaceAll('_', ' ')]),
  ];
  return parts.join('; ') || 'nothing';
}

/** What is held back of any version, and why; empty when nothing is. */
export function describeHeldBack({ plan }: PlannedPoolView): string {
  return plan.presets.flatMap(({ withheld }) => describeWithheld(withheld) ?? []).join('; ');
}

/** Many pools in a table. */
export function renderPlans(colors: Colors, pools: readonly PlannedPoolView[]): string {
  return renderTable(colors, {
    heads: ['pool', 'version', 'next turn', 'held back', 'next boundary'],
    rows: pools.map((pool) => [
      `${pool.organization}/${pool.template}/${pool.preset}`,
      pool.version ?? '-',
      describeNextTurn(pool),
      describeHeldBack(pool) || '-',
      pool.plan.next_boundary ?? '-',
    ]),
    empty: NO_POOLS,
  });
}

function describeActions({ actions }: PresetPlan): string {
  return actions
    .map((action) => {
      switch (action.type) {
        case 'create':
          return `create ${action.count}`;
        case 'cancel_pending':
          return `cancel ${action.count} that no daemon has taken`;
        case 'delete':
          return `delete ${action.ids.length} (${action.reason})`;
      }
    })
    .join(', ');
}
