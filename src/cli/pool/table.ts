// Pools in a table.
import type { PoolView } from '../../contract/pool/schema.ts';
import type { Colors } from '../show/colors.ts';
import { renderTable } from '../show/table.ts';

export const NO_POOLS = 'There are no pools: no preset of an active version asks for prebuilds.';

export function renderPools(colors: Colors, pools: readonly PoolView[]): string {
  return renderTable(colors, {
    heads: ['pool', 'version', 'ready', 'target', 'starting', 'deleting', 'state'],
    rows: pools.map((pool) => [
      `${pool.template}/${pool.preset}`,
      pool.version ?? '-',
      count(pool.state?.eligible),
      count(pool.state?.target),
      count(pool.state?.starting),
      count(pool.state?.deleting),
      describePool(pool),
    ]),
    empty: NO_POOLS,
  });
}

/** Why it is as it is: `full`, `filling`, `paused`, `limited; 3 creations withheld: backoff until …`. */
export function describePool(pool: PoolView): string {
  const held = describeWithheld(pool.withheld);
  return [...conditionsOf(pool), ...(held === null ? [] : [held])].join('; ');
}

function conditionsOf(pool: PoolView): readonly string[] {
  const { state, limit } = pool;
  const conditions = [
    ...(pool.reconciliation_paused ? ['everything is paused'] : []),
    ...(pool.paused ? ['paused'] : []),
    ...(limit === null ? [] : [`limited since ${limit.since}`]),
    ...(pool.validation_error === null
      ? []
      : [`validation failed: its parameters do not fit: ${pool.validation_error}`]),
  ];
  if (state === null) return [...conditions, 'not asked for any more'];
  if (state.desired_source === 'inactive') return [...conditions, 'inactive'];
  const problems = [
    ...(state.unhealthy > 0 ? [`${state.unhealthy} unhealthy`] : []),
    ...(state.expired > 0 ? [`${state.expired} expired`] : []),
  ];
  if (conditions.length > 0) return [...conditions, ...problems];
  return [[state.eligible >= state.target ? 'full' : 'filling', ...problems].join(', ')];
}

/** `3 creations withheld: backoff until …`; null when nothing is. */
export function describeWithheld(withheld: PoolView['withheld']): string | null {
  if (withheld === null) return null;
  const until = withheld.until === undefined ? '' : ` until ${withheld.until}`;
  const deletes =
    withheld.deletes === undefined ? '' : ` and ${plural(withheld.deletes, 'deletion')}`;
  return `${plural(withheld.count, 'creation')}${deletes} withheld: ${withheld.reason}${until}`;
}

function count(value: number | undefined): string {
  return value === undefined ? '-' : String(value);
}

function plural(howMany: number, noun: string): string {
  return `${howMany} ${noun}${howMany === 1 ? '' : 's'}`;
}
