import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/rules.json' with { type: 'json' };
import { reconcileConcurrency } from './reconcile-concurrency.ts';

describe('reconcile concurrency', () => {
  it.each(vectors.reconcile_concurrency)(
    'is $concurrency with $max_db_connections connections',
    (vector) => {
      expect(reconcileConcurrency(vector.max_db_connections)).toBe(vector.concurrency);
    },
  );

  it('is one when the number of connections is unknown or makes no sense', () => {
    expect([undefined, -4, NaN].map(reconcileConcurrency)).toEqual([1, 1, 1]);
  });
});
