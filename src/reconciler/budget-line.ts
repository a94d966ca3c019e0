// Pools that their organization's budget or quota held back, in the order in which it did. Each time something
// happens in the organization the first gets its turn: that is what makes creations go round.
import type { OrganizationId, PoolId } from '../base/id.ts';

export interface BudgetLine {
  /** Notes what a reconcile found: the pool waits at the end of the line, or not any more. */
  note(organizationId: OrganizationId, poolId: PoolId, isHeldBack: boolean): void;
  /** Takes the first out of the line of the organization that the pool belongs to. */
  next(poolId: PoolId): PoolId | undefined;
  /** Those that wait in an organization's line, or (null) in any. */
  waiting(organizationId: OrganizationId | null): readonly PoolId[];
}

export function createBudgetLine(): BudgetLine {
  const organizations = new Map<PoolId, OrganizationId>();
  const lines = new Map<OrganizationId, Set<PoolId>>();
  return {
    note: (organizationId, poolId, isHeldBack) => {
      organizations.set(poolId, organizationId);
      const line = lines.get(organizationId) ?? new Set();
      lines.set(organizationId, line);
      if (isHeldBack) line.add(poolId);
      else line.delete(poolId);
    },
    next: (poolId) => {
      const organizationId = organizations.get(poolId);
      if (organizationId === undefined) return undefined;
      const line = lines.get(organizationId) ?? new Set();
      for (const waiting of line) {
        if (waiting === poolId) continue;
        line.delete(waiting);
        return waiting;
      }
      return undefined;
    },
    waiting: (organizationId) =>
      [...lines].flatMap(([id, line]) =>
        organizationId === null || id === organizationId ? [...line] : [],
      ),
  };
}
