// Who may use how many of the connections to PostgreSQL.

/** One of so many is for daemons: of ten, three kept claims the least waiting (ADR 17). */
const BUILDERS_SHARE = 3;

export interface SharedConnections {
  /** For daemons: what they ask comes in crowds, and nobody waits for it who claims from a pool that is full. */
  readonly builders: number;
  /** For everybody and everything else. */
  readonly others: number;
}

/** `total` is 2 or more. */
export function shareConnections(total: number): SharedConnections {
  const builders = Math.max(Math.floor(total / BUILDERS_SHARE), 1);
  return { builders, others: total - builders };
}
