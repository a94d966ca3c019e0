// Whether somebody may spend more. Amounts are hundredths of a currency's unit, a day.

export interface Spending {
  /** What all of somebody's groups allow together. */
  readonly budget: number;
  /** What their workspaces cost. */
  readonly used: number;
}

/** What is free is free for everybody, whatever they have spent. */
export function isWithin({ budget, used }: Spending, added: number): boolean {
  return added <= 0 || used + added <= budget;
}

/** How many of `count` things that cost `each` fit into the budget. */
export function fitInto({ budget, used }: Spending, each: number, count: number): number {
  if (each <= 0) return count;
  return Math.max(0, Math.min(count, Math.floor((budget - used) / each)));
}
