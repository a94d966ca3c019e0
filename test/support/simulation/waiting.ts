// Those who stand in line, and what must hold between two looks at them. What was under way at the former
// one may still go by what it had read before, so that one is of a moment at which nothing was.

export interface WaiterFacts {
  readonly id: string;
  readonly pool: string;
  readonly priority: number;
  /** The order among those of one priority. */
  readonly turn: number;
  /** Null: it waits. */
  readonly outcome: string | null;
  /** How long its deadline is away. */
  readonly leftMs: number;
  /** How long its deadline was away when it ended; null: it waits. */
  readonly leftAtEndMs: number | null;
}

/** Of all that there are, as JSON. */
export const READ_WAITERS = `(
  select coalesce(json_agg(json_build_object(
    'id', q.id, 'pool', q.pool_id, 'priority', q.priority, 'turn', q.turn, 'outcome', q.outcome,
    'leftMs', extract(epoch from q.deadline_at - standby_now()) * 1000,
    'leftAtEndMs', extract(epoch from q.deadline_at - q.ended_at) * 1000)), '[]')
  from waiters q)`;

/** More than anybody's clock jumps by, or somebody stands still for. */
const MARGIN_MS = 300_000;

/** Whether it stood in line all the time between the two looks. */
const stayed = (before: WaiterFacts, after: WaiterFacts | undefined): boolean =>
  before.outcome === null &&
  after?.outcome === null &&
  Math.min(before.leftMs, after.leftMs) > MARGIN_MS;

export function compareWaiters(
  before: readonly WaiterFacts[],
  after: readonly WaiterFacts[],
): readonly string[] {
  const former = new Map(before.map((waiter) => [waiter.id, waiter]));
  const now = new Map(after.map((waiter) => [waiter.id, waiter]));
  const patient = before.filter((waiter) => stayed(waiter, now.get(waiter.id)));
  const ended = after.filter(
    ({ id, outcome }) => outcome !== null && former.get(id)?.outcome !== outcome,
  );
  return ended.flatMap((waiter) => {
    const { id, pool, priority, turn, outcome, leftAtEndMs } = waiter;
    const left = leftAtEndMs ?? 0;
    const isOvertaking = patient.some(
      (other) =>
        other.pool === pool &&
        (other.priority > priority || (other.priority === priority && other.turn < turn)),
    );
    const found: readonly (readonly [boolean, string])[] = [
      [outcome === 'served' && isOvertaking, 'was served before one that stood before it'],
      [outcome === 'served' && left < -MARGIN_MS, 'was served after its deadline'],
      [outcome === 'timed_out' && left > 0, 'timed out before its deadline'],
    ];
    return found.flatMap(([isViolated, text]) => (isViolated ? [`the waiter ${id} ${text}`] : []));
  });
}

/** How many people a pool may have heard of that wait for it, since the former look. */
export function countWaiting(
  pool: string,
  before: readonly WaiterFacts[],
  after: readonly WaiterFacts[],
): number {
  const ended = new Set(before.flatMap(({ id, outcome }) => (outcome === null ? [] : [id])));
  return after.filter((waiter) => waiter.pool === pool && !ended.has(waiter.id)).length;
}

/** The highest priority of those who stood in line all the time; below any where nobody did. */
export function findFirstInLine(
  pool: string,
  before: readonly WaiterFacts[],
  after: readonly WaiterFacts[],
): number {
  const now = new Map(after.map((waiter) => [waiter.id, waiter]));
  const stood = before.filter(
    (waiter) => waiter.pool === pool && stayed(waiter, now.get(waiter.id)),
  );
  return Math.max(...stood.map(({ priority }) => priority));
}
