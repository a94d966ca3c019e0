// Asking for the same thing until it has become something else. The server holds its answers back until there is
// news, so this is no polling.
import type { Clock } from '../base/clock.ts';
import { insist } from './insist.ts';

/** At most this often is asked, should the server see an end where this program sees none. */
const LEAST_PAUSE_MS = 100;
/** For how long the server holds an answer back at most. */
const HELD_BACK_MS = 30_000;

export interface WaitingOptions<T> {
  readonly signal?: AbortSignal | undefined;
  /** Told before each question. */
  readonly onWaiting?: ((seen: T) => void | Promise<void>) | undefined;
  /** For how long an answer is held back when there is no news; 30 s unless given. */
  readonly heldBackMs?: number | undefined;
  /** Asks again while nobody answers; a few times within seconds unless given. */
  readonly untilAnswered?: UntilAnswered | undefined;
}

export type UntilAnswered = <T>(ask: () => Promise<T>) => Promise<T>;

export interface Asked<T> extends WaitingOptions<T> {
  readonly isSettled: (seen: T) => boolean;
  readonly ask: (waitMs: number) => Promise<T>;
}

/** Survives lost answers and a restart of the server. An abort of the signal is thrown as its reason. */
export async function askUntilSettled<T>(
  clock: Clock,
  first: T,
  { signal, onWaiting, heldBackMs = HELD_BACK_MS, isSettled, ask, ...options }: Asked<T>,
): Promise<T> {
  const untilAnswered: UntilAnswered =
    options.untilAnswered ?? ((once) => insist({ clock }, signal, once));
  let seen = first;
  while (!isSettled(seen)) {
    await onWaiting?.(seen);
    const askedMs = clock.monotonicMs();
    seen = await untilAnswered(() => ask(heldBackMs));
    const early = LEAST_PAUSE_MS - (clock.monotonicMs() - askedMs);
    if (early > 0 && !isSettled(seen)) await clock.sleep(early, signal);
  }
  return seen;
}
