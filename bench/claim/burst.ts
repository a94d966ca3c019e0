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

/** One request: told which of the burst's requests it is, from 0 on. */
export type Ask = (request: number) => Promise<unknown>;

export async function runBurst(
  clock: Clock,
  { callers, times }: BurstOf,
  ask: Ask,
): Promise<Burst> {
  const latenciesMs: number[] = [];
  let begun = 0;
  const caller = async (): Promise<void> => {
    while (begun < times) {
      const request = begun++;
      const askedMs = clock.monotonicMs();
      await ask(request);
      latenciesMs.push(clock.monotonicMs() - askedMs);
    }
  };
  const startedMs = clock.monotonicMs();
  await Promise.all(Array.from({ length: callers }, caller));
  return { perSecond: (times / (clock.monotonicMs() - startedMs)) * 1_000, latenciesMs };
}
