// A request that may safely be made again is, when its answer was lost or the server was just away.
import { mayPass } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/random.ts';

// A restart of the control plane takes a second or two; whoever waits longer should be told why.
const PAUSES_MS = [200, 800, 2_000];

/** Runs `ask` again, with pauses, while it fails with what may pass by itself. */
export async function insist<T>(
  { clock }: { readonly clock: Pick<Clock, 'sleep'> },
  signal: AbortSignal | undefined,
  ask: () => Promise<T>,
): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await ask();
    } catch (error) {
      // Other faults and refusals would be the same again.
      if (!mayPass(error)) throw error;
    }
    await clock.sleep(pauseMs, signal);
  }
  return ask();
}

export interface Persistence {
  readonly clock: Pick<Clock, 'sleep' | 'monotonicMs'>;
  readonly rng: Pick<Rng, 'next'>;
}

/** A crowd that waits comes back within seconds of the server, and not all in one instant. */
const RETRY = { firstMs: 200, maxMs: 5_000 };

export interface Patience {
  /** An instant of the clock's `monotonicMs`, after which it is worth nothing any more. */
  readonly untilMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told what each try failed with that is not the last. */
  readonly onAway?: ((error: unknown) => void) | undefined;
}

/** The same for longer, where somebody's turn is kept meanwhile. */
export async function persist<T>(
  { clock, rng }: Persistence,
  { untilMs, signal, onAway }: Patience,
  ask: () => Promise<T>,
): Promise<T> {
  const backoff = createBackoff(rng, RETRY);
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const leftMs = untilMs - clock.monotonicMs();
      if (!mayPass(error) || leftMs <= 0) throw error;
      onAway?.(error);
      await clock.sleep(Math.min(backoff.nextMs(), leftMs), signal);
    }
  }
}

/** For as long nobody has to answer for what is theirs already: nothing is lost by waiting. */
export const AWAY_MS = 5 * 60_000;

/** The same for minutes, from each question on. */
export function patiently(
  deps: Persistence,
  patience: Omit<Patience, 'untilMs'>,
): <T>(ask: () => Promise<T>) => Promise<T> {
  return (ask) => persist(deps, { ...patience, untilMs: deps.clock.monotonicMs() + AWAY_MS }, ask);
}
