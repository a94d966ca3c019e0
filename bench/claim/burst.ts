// Many callers at once, each asking again as soon as it was answered, until all is done.
import type { Clock } from '../../src/base/clock.ts';

export interface Burst {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

export interface BurstOf {
  readonly callers: number;
  /** By all callers together. */
  readonly times: number;
}

/** One request: told who asks and, from 0 on, which of the burst's requests it is. */
export type Ask = (caller: number, request: number) => Promise<void>;

export async function runBurst(
  clock: Clock,
  { callers, times }: BurstOf,
  ask: Ask,
): Promise<Burst> {
  const latenciesMs: number[] = [];
  let begun = 0;
  const caller = async (n: number): Promise<void> => {
    while (begun < times) {
      const request = begun++;
      const askedMs = clock.monotonicMs();
      await ask(n, request);
      latenciesMs.push(clock.monotonicMs() - askedMs);
    }
  };
  const startedMs = clock.monotonicMs();
  await Promise.all(Array.from({ length: callers }, (_, n) => caller(n)));
  return { perSecond: (times / (clock.monotonicMs() - startedMs)) * 1_000, latenciesMs };
}
