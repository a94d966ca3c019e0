// Seeded random schedules of the real system on a real database. A failure names its seed; run that
// one again with STANDBY_SIMULATION_SEED=… , or many with STANDBY_SIMULATION_RUNS=… .
import { describe, expect, it } from 'vitest';
import { simulatePools } from '../../support/pool-simulation.ts';
import { readSeeds } from '../../support/seeds.ts';
import { openTestStore } from '../../support/store.ts';

const STEPS = 30;

describe('pools with two replicas, crashes and lost notices', () => {
  it.concurrent.each(readSeeds('simulation', { runs: 12 }))(
    'keep their promises and converge (seed %i)',
    { timeout: 120_000 },
    async (seed) => {
      await using store = await openTestStore();
      expect(await simulatePools(store, { seed, steps: STEPS })).toEqual([]);
    },
  );
});
