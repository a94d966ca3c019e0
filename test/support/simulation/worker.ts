// A process in which simulated systems live: it is told of lives, and tells what became of each.
// crew.ts starts it.
import { watchTransactions } from '../../../src/base/transaction-scope.ts';
import { createHomes, type HomesOptions } from './home.ts';
import type { Life } from './life.ts';
import { simulate } from './run.ts';

export interface WorkerOptions extends HomesOptions {
  /** Whether another system that is asked for anything within a transaction is noticed. */
  readonly watches: boolean;
}

export interface Outcome {
  readonly seed: number;
  /** Empty when all was well. */
  readonly violations: readonly string[];
}

const { watches, ...options } = JSON.parse(process.argv[2]!) as WorkerOptions;
if (watches) watchTransactions();
const homes = createHomes(options);

process.on('message', (life) => void live(life as Life));
process.once('disconnect', () => void homes.close());

async function live(life: Life): Promise<void> {
  const { seed } = life;
  const violations = await homes
    .lend((home) => simulate(home, life))
    .catch((error: unknown) => [
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    ]);
  const outcome: Outcome = { seed, violations };
  process.send?.(outcome);
}
