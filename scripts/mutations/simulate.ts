// Whether the simulation of the whole system notices the faults that it is said to notice, and after how
// many seeds.
import { UNCHANGED, type Copies } from './copies.ts';
import { SIMULATION, type Mutation } from './mutation.ts';

/** About as many as one run of the tests has. */
const SEEDS = 90;

/** Of each fault in turn; gives how many were not noticed. Throws when it fails without any. */
export function simulateEach(copies: Copies, mutations: readonly Mutation[]): number {
  const unchanged = simulate(copies, UNCHANGED, []);
  const isSound = unchanged.statuses.length === SEEDS && !unchanged.statuses.includes('failed');
  if (!isSound) throw new Error(`without any fault: ${unchanged.finding}`);
  const survived = mutations.filter(({ fault, changes }, n) => {
    const { statuses, finding } = simulate(copies, String(n), changes);
    const seed = statuses.indexOf('failed') + 1;
    const verdict =
      statuses.length === 0
        ? 'the simulation could not be run'
        : seed === 0
          ? `SURVIVED ${SEEDS} seeds`
          : `noticed by seed ${seed} of ${SEEDS}`;
    process.stdout.write(`${verdict}: ${fault}\n`);
    if (seed > 0) process.stdout.write(`  ${finding}\n`);
    return seed === 0;
  });
  return survived.length;
}

function simulate(
  copies: Copies,
  copy: string,
  changes: Mutation['changes'],
): { readonly statuses: readonly string[]; readonly finding: string } {
  copies.plant(copy, changes);
  const run = copies.run([{ name: copy, files: [SIMULATION.file] }], {
    titles: [SIMULATION.title],
    // Always the same ones, so that two runs can be compared.
    env: { STANDBY_SIMULATION_SEED: '1', STANDBY_SIMULATION_RUNS: String(SEEDS) },
    untilFailure: true,
  });
  return {
    statuses: run.statusesOf(copy, SIMULATION),
    finding: run.failureOf(copy, SIMULATION) ?? 'it did not run to its end',
  };
}
