// Seeded random schedules against a real database. A failure prints its seed; run that one again with
// STANDBY_SIMULATION_SEED=… , or many with STANDBY_SIMULATION_RUNS=… .
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { simulatePools } from '../../support/pool-simulation.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const STEPS = 60;
/** Seeds that once found something. */
const KEPT_SEEDS: readonly number[] = [];

function seeds(): readonly number[] {
  const given = process.env['STANDBY_SIMULATION_SEED'];
  if (given !== undefined) return [Number(given)];
  const runs = Number(process.env['STANDBY_SIMULATION_RUNS'] ?? 3);
  const first = Date.now() % 1_000_000;
  return [...KEPT_SEEDS, ...Array.from({ length: runs }, (_, n) => first + n)];
}

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(() => store.close());

describe('pools with two replicas, crashes and lost notices', () => {
  it.each(seeds())(
    'keep their promises and converge (seed %i)',
    { timeout: 60_000 },
    async (seed) => {
      expect(await simulatePools(store, { seed, steps: STEPS })).toEqual([]);
    },
  );
});
