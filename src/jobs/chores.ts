// What is done again and again beside what people ask for: each chore in turn, once in an interval. A chore
// that fails keeps none of the others from their work. Every replica does all of them.
import { mayPass } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { createService, type Service } from '../base/service.ts';

/** The signal says that the service is to stop: what can be left for another time is left. */
export type Chore = (signal: AbortSignal) => Promise<unknown>;

export interface ChoresOptions {
  /** Of the service. */
  readonly name: string;
  readonly intervalMs: number;
  /** By name, in the order in which they are done. */
  readonly chores: Readonly<Record<string, Chore>>;
  /**
   * Asked first each time, for there mostly is nothing to do: gives the names of chores that can be left out.
   * Where it fails, all are done.
   */
  readonly findIdle?: () => Promise<readonly string[]>;
}

export function createChores(
  { clock, rng, ...kit }: Kit,
  { name, intervalMs, chores, findIdle = () => Promise.resolve([]) }: ChoresOptions,
): Service {
  const log = kit.log.child({ component: name });
  const failures = new Map<string, number>();
  /** Gives false when the others could only fail too: without a database. */
  const attempt = async (chore: string, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      failures.delete(chore);
      return true;
    } catch (error) {
      const times = (failures.get(chore) ?? 0) + 1;
      failures.set(chore, times);
      log.warn('chore.failed', { chore, times, error });
      return !mayPass(error);
    }
  };
  const doAll = async (signal: AbortSignal): Promise<void> => {
    let idle: readonly string[] = [];
    const look = async (): Promise<void> => {
      idle = await findIdle();
    };
    if (!(await attempt('look', look))) return;
    for (const [chore, work] of Object.entries(chores)) {
      if (signal.aborted) return;
      if (idle.includes(chore)) continue;
      if (!(await attempt(chore, () => work(signal)))) return;
    }
  };
  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await doAll(signal);
      // Never later than the interval, or a look on time would pass for a gap.
      const pauseMs = intervalMs * (0.8 + 0.2 * rng.next());
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  };
  return createService(clock, {
    name,
    start: async (scope) => scope.background(run(scope.signal)),
  });
}
