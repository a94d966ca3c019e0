import { describe, expect, it } from 'vitest';
import { fitInto, isWithin } from './spending.ts';

describe('a budget', () => {
  it.each([
    [{ budget: 100, used: 60 }, 40, true],
    [{ budget: 100, used: 60 }, 41, false],
    [{ budget: 0, used: 0 }, 0, true],
    [{ budget: 0, used: 0 }, 1, false],
    // Somebody who is over it, since it was lowered, may still have what is free.
    [{ budget: 50, used: 60 }, 0, true],
    [{ budget: 50, used: 60 }, -10, true],
  ])('of %j lets %d be added: %s', (spending, added, expected) => {
    expect(isWithin(spending, added)).toBe(expected);
  });

  it.each([
    [{ budget: 100, used: 60 }, 10, 9, 4],
    [{ budget: 100, used: 60 }, 10, 3, 3],
    [{ budget: 100, used: 91 }, 10, 9, 0],
    [{ budget: 50, used: 60 }, 10, 9, 0],
    [{ budget: 50, used: 60 }, 0, 9, 9],
  ])('of %j has room, at %d each, for %d: %d', (spending, each, count, expected) => {
    expect(fitInto(spending, each, count)).toBe(expected);
  });
});
