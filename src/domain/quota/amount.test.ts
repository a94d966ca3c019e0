import { describe, expect, it } from 'vitest';
import { formatAmount, fromUnits, toUnits } from './amount.ts';

describe('an amount', () => {
  it('is exact where a number of units is not', () => {
    expect(fromUnits(10.08)).toBe(1008);
    expect(fromUnits(0.29)).toBe(29);
    expect(toUnits(1008)).toBe(10.08);
    expect(formatAmount(1010)).toBe('10.10');
  });
});
