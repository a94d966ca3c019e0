import { describe, expect, it } from 'vitest';
import { takeTurns } from './take-turns.ts';

const turns = (...slots: readonly string[]): string =>
  takeTurns(slots, (slot) => slot.charAt(0)).join(' ');

describe('slots that wait', () => {
  it('are served in order, each daemon once before any again', () => {
    expect(turns('a1', 'a2', 'a3', 'b1', 'c1', 'b2')).toBe('a1 b1 c1 a2 b2 a3');
    expect(turns('b1', 'a1')).toBe('b1 a1');
    expect(turns()).toBe('');
  });
});
