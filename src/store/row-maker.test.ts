import { describe, expect, it } from 'vitest';
import { int, text } from './column.ts';
import { rowMaker } from './row-maker.ts';

describe('a row', () => {
  it('has the values by the names of their columns, and shares nothing with another', () => {
    const toRow = rowMaker({ name: text, count: int });
    const rows = [['a', 1] as const, ['b', 2] as const].map(toRow);
    expect(rows).toEqual([
      { name: 'a', count: 1 },
      { name: 'b', count: 2 },
    ]);
  });

  it('of no columns is empty', () => {
    expect(rowMaker({})([])).toEqual({});
  });
});
