// Seeded random lives of the whole system on a real database. A failure names its seed; run that one
// again with STANDBY_SIMULATION_SEED=… , or many with STANDBY_SIMULATION_RUNS=… .
import { afterAll, describe, inject, it } from 'vitest';
import { createCrew } from '../../support/simulation/crew.ts';
import { readSeeds } from '../../support/seeds.ts';
import { lifeOf } from '../../support/simulation/life.ts';

const seeds = readSeeds('simulation', { runs: 75 });
// While some wait for the database, others have the core.
const crew = createCrew(Math.min(2, seeds.length), {
  most: 2,
  server: inject('postgres').connection,
});
const startedMs = performance.now();

afterAll(async () => {
  const minutes = (performance.now() - startedMs) / 60_000;
  await crew.close();
  process.stderr.write(
    `simulation: ${seeds.length} seeds from ${seeds[0]} on, ${Math.round(seeds.length / minutes)} a minute\n`,
  );
});

describe('two control planes, daemons and people, with every fault there is', () => {
  it.concurrent.each(seeds)(
    'keep their promises and converge (seed %i)',
    { timeout: 120_000 },
    async (seed) => {
      const violations = await crew.live(lifeOf(seed));
      // At once, for a run of an hour tells the rest at its end.
      for (const text of violations) process.stderr.write(`simulation: seed ${seed}: ${text}\n`);
      if (violations.length > 0) throw new Error(violations.join('\n'));
    },
  );
});
