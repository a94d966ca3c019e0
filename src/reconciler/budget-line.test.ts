import { describe, expect, it } from 'vitest';
import type { OrganizationId, PoolId } from '../base/id.ts';
import { createBudgetLine } from './budget-line.ts';

const [here, there] = ['here', 'there'] as OrganizationId[] as [OrganizationId, OrganizationId];
const [a, b, c, d] = ['a', 'b', 'c', 'd'] as PoolId[] as [PoolId, PoolId, PoolId, PoolId];

describe('the line of pools that the budget held back', () => {
  it('goes round: whoever is held back again stands at its end', () => {
    const line = createBudgetLine();
    for (const pool of [a, b, c]) line.note(here, pool, true);
    line.note(here, d, false);
    expect([line.next(d), line.next(d)]).toEqual([a, b]);
    line.note(here, a, true);
    expect([line.next(d), line.next(d), line.next(d)]).toEqual([c, a, undefined]);
  });

  it('forgets who was served', () => {
    const line = createBudgetLine();
    line.note(here, a, true);
    line.note(here, a, false);
    line.note(here, b, false);
    expect(line.next(b)).toBeUndefined();
  });

  it('passes over the pool that something happened in, which has its turn anyway', () => {
    const line = createBudgetLine();
    line.note(here, a, true);
    line.note(here, b, true);
    expect(line.next(a)).toBe(b);
    expect(line.next(a)).toBeUndefined();
    expect(line.next(b)).toBe(a);
  });

  it('tells who waits in an organization, or in all', () => {
    const line = createBudgetLine();
    line.note(here, a, true);
    line.note(here, b, false);
    line.note(there, c, true);
    expect([line.waiting(here), line.waiting(null)]).toEqual([[a], [a, c]]);
  });

  it('is one for each organization, and knows nothing of pools it never saw', () => {
    const line = createBudgetLine();
    line.note(here, a, true);
    line.note(there, b, false);
    expect(line.next(b)).toBeUndefined();
    expect(line.next(c)).toBeUndefined();
  });
});
