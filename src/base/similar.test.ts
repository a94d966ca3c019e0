import { describe, expect, it } from 'vitest';
import { findSimilar } from './similar.ts';

describe('findSimilar', () => {
  const words = ['create', 'template', 'pool', 'up'];

  it.each([
    ['crate', 'create'],
    ['tempalte', 'template'],
    ['templat', 'template'],
    ['pol', 'pool'],
    ['pu', 'up'],
  ])('takes %s for %s', (given, meant) => expect(findSimilar(given, words)).toBe(meant));

  it.each(['', 'x', 'deploy', 'ab'])('finds nothing near "%s"', (given) =>
    expect(findSimilar(given, words)).toBeUndefined(),
  );
});
