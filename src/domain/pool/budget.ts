// How many of an organization's pool creations may be under way at once, so that a queue of them
// stays short enough to be turned around, and every pool gets its turn; and how many it may pay for.
import { fitInto, type Spending } from '../quota/spending.ts';

/** Ten builds per slot keep daemons busy for a while without a notice, and a change of mind is cheap. */
const IN_FLIGHT_PER_SLOT = 10;

export interface BudgetFacts {
  /** Jobs that the organization's living daemons do at once. */
  readonly slots: number;
  /** Pools of the organization that are to be kept filled. */
  readonly pools: number;
  /** First builds of prebuilds and canaries under way in the organization. */
  readonly inFlight: number;
  /** Those of this pool among them. */
  readonly ownInFlight: number;
}

export interface BudgetOptions {
  /** The most that may be under way in an organization; null: ten per slot. */
  readonly maxInFlight: number | null;
}

/**
 * How many of `count` creations a pool may start now. Every pool has an equal share of the budget;
 * beyond it a pool may go only as far as daemons would idle. Without any daemon the budget is that
 * of one slot: what waits then says that nobody can build it.
 */
export function allowCreations(count: number, facts: BudgetFacts, options: BudgetOptions): number {
  const slots = Math.max(facts.slots, 1);
  const budget = options.maxInFlight ?? slots * IN_FLIGHT_PER_SLOT;
  const share = Math.max(1, Math.ceil(budget / Math.max(facts.pools, 1)));
  const fair = Math.max(share - facts.ownInFlight, slots - facts.inFlight);
  return Math.max(0, Math.min(count, fair, budget - facts.inFlight));
}

export interface CreationLimits extends BudgetFacts {
  /** What the pools of the organization may spend, and do; null: as much as they like. */
  readonly quota: Spending | null;
}

export interface LimitedCreations {
  readonly allowed: number;
  readonly overBudget: number;
  readonly overQuota: number;
}

/** What is left of `count` creations that cost `dailyCost` each. */
export function limitCreations(
  { count, dailyCost }: { readonly count: number; readonly dailyCost: number },
  limits: CreationLimits,
  options: BudgetOptions,
): LimitedCreations {
  const inBudget = allowCreations(count, limits, options);
  const { quota } = limits;
  const allowed = quota === null ? inBudget : fitInto(quota, dailyCost, inBudget);
  return { allowed, overBudget: count - inBudget, overQuota: inBudget - allowed };
}
