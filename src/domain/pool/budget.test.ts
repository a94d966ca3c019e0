import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowCreations, type BudgetFacts } from './budget.ts';

const derived = { maxInFlight: null };
const facts = (change: Partial<BudgetFacts>): BudgetFacts => ({
  slots: 2,
  pools: 1,
  inFlight: 0,
  ownInFlight: 0,
  ...change,
});

describe('the budget for creations', () => {
  it('is ten for each slot of the daemons', () => {
    expect(allowCreations(300, facts({}), derived)).toBe(20);
    expect(allowCreations(300, facts({ inFlight: 19, ownInFlight: 19 }), derived)).toBe(1);
    expect(allowCreations(300, facts({ inFlight: 25, ownInFlight: 25 }), derived)).toBe(0);
  });

  it('is that of one slot while there is no daemon, so that it shows what nobody can build', () => {
    expect(allowCreations(300, facts({ slots: 0 }), derived)).toBe(10);
  });

  it('gives every pool its share', () => {
    expect(allowCreations(300, facts({ pools: 4 }), derived)).toBe(5);
    expect(allowCreations(300, facts({ pools: 4, inFlight: 15 }), derived)).toBe(5);
    expect(allowCreations(300, facts({ pools: 50, inFlight: 5 }), derived)).toBe(1);
  });

  it('lets a pool go beyond its share while daemons would idle', () => {
    expect(allowCreations(300, facts({ slots: 8, pools: 1000 }), derived)).toBe(8);
    expect(allowCreations(300, facts({ slots: 8, pools: 1000, inFlight: 8 }), derived)).toBe(1);
  });

  it('can be set', () => {
    expect(allowCreations(300, facts({}), { maxInFlight: 7 })).toBe(7);
    expect(allowCreations(300, facts({}), { maxInFlight: 0 })).toBe(0);
  });

  it('is never exceeded, never negative, and always lets the first pool go on', () => {
    const given = fc.record({
      slots: fc.nat(20),
      pools: fc.nat(50),
      inFlight: fc.nat(300),
      ownInFlight: fc.nat(100),
    });
    fc.assert(
      fc.property(given, fc.nat(400), (seen, count) => {
        const allowed = allowCreations(count, seen, derived);
        const budget = Math.max(seen.slots, 1) * 10;
        expect(allowed).toBeGreaterThanOrEqual(0);
        expect(allowed).toBeLessThanOrEqual(Math.max(0, Math.min(count, budget - seen.inFlight)));
        const first = allowCreations(1, { ...seen, inFlight: 0, ownInFlight: 0 }, derived);
        expect(first).toBe(1);
      }),
    );
  });
});
