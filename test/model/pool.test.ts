// Thousands of random lives of a pool in memory. A failure names its seeds; run them again, or many,
// with STANDBY_MODEL_SEED=… or STANDBY_MODEL_RUNS=… .
import { describe, expect, it } from 'vitest';
import { runPoolModel } from '../support/pool-model-run.ts';
import { readSeeds } from '../support/seeds.ts';

const STEPS = 120;

describe('a modelled pool', () => {
  it('keeps its promises and comes to its target, whatever happens', { timeout: 600_000 }, () => {
    const failed = readSeeds('model', { runs: 1_000 })
      .map((seed) => ({ seed, violations: runPoolModel(seed, STEPS) }))
      .filter(({ violations }) => violations.length > 0);
    expect(failed.slice(0, 5)).toEqual([]);
  });
});
