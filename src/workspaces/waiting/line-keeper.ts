// The regular look at the lines of all pools: it keeps deadlines, and gives every line a turn, so that
// nobody is forgotten whatever notice was lost, and goes on with proofs that others have left. Every replica runs one.
import { isAborted } from '../../base/abort.ts';
import type { Kit } from '../../base/kit.ts';
import { createService, type Service } from '../../base/service.ts';
import type { Database } from '../../store/database.ts';
import { tendLines } from './end-waiters.ts';
import type { LineProver } from './prove-served.ts';

interface Deps extends Kit {
  readonly database: Database;
  readonly lineProver: Pick<LineProver, 'resume'>;
}

export function createLineKeeper(
  deps: Deps,
  { intervalMs }: { readonly intervalMs: number },
): Service {
  const { clock, rng } = deps;
  const log = deps.log.child({ component: 'line-keeper' });
  const tend = async (): Promise<void> => {
    if (await tendLines(deps)) await deps.lineProver.resume();
  };
  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await tend().catch((error: unknown) => {
        if (!isAborted(signal)) log.warn('line.not_tended', { error });
      });
      // So that replicas do not come in step.
      await clock.sleep(intervalMs * (0.8 + 0.4 * rng.next()), signal).catch(() => undefined);
    }
  };
  return createService(clock, {
    name: 'line-keeper',
    start: async (scope) => scope.background(run(scope.signal)),
  });
}
