// Waiting for something to be found in the database: look, then look again after every notice that
// may concern it, and now and then anyway, because notices may be lost.
import { OVER } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';
import type { NoticeBus } from './notice-bus.ts';
import type { Hint, Wanted } from './notice-subscribers.ts';

export interface LongPoll<T> {
  /** The notices after which it is worth looking again. */
  readonly wanted: Wanted;
  /** Gives what was found, or undefined. Whether the notice was heard since the last look tells how likely that is. */
  look(isHeard: boolean): Promise<T | undefined>;
}

export interface LongPollOptions {
  /** Ends the wait early. A look that has begun is waited for, since it may have taken something. */
  readonly signal: AbortSignal;
  /** Of a wait that polls meanwhile the end may come a moment sooner, to be a common one. */
  readonly timeoutMs: number;
  /** Give or take a fifth, so that those who wait do not come in step. */
  readonly pollMs: number;
  /** False: what is waited for cannot be there yet. */
  readonly looksAtOnce?: boolean;
  /** False: whoever waits asks again at the end of the time, and that looks at once. */
  readonly looksAtEnd?: boolean;
}

/**
 * Pauses end at common moments, so many in the time of one: of a crowd that waits, those who look at the same moment
 * can be served by one statement.
 */
const MOMENTS = 25;

type Deps = Pick<Kit, 'clock' | 'rng'> & { readonly bus: Pick<NoticeBus, 'subscribe'> };

/** What `look` found, or undefined when there was nothing in time or the signal was aborted. */
export async function waitFor<T>(
  { clock, rng, bus }: Deps,
  poll: LongPoll<T>,
  { signal, timeoutMs, pollMs, looksAtOnce = true, looksAtEnd = true }: LongPollOptions,
): Promise<T | undefined> {
  const beganMs = clock.monotonicMs();
  const momentMs = Math.max(1, pollMs / MOMENTS);
  const atMoment = (ms: number): number => Math.floor(ms / momentMs) * momentMs;
  const lastMs = beganMs + timeoutMs;
  const deadlineMs = timeoutMs < pollMs ? lastMs : atMoment(lastMs);
  let pause = new AbortController();
  let isHeard = false;
  const wake = (): void => pause.abort(OVER);
  const hear = ({ kind }: Hint): void => {
    // That some may have been lost is no sign of this one.
    if (kind !== 'resync') isHeard = true;
    wake();
  };
  const isOver = (): boolean => signal.aborted;
  const unsubscribe = bus.subscribe(poll.wanted, hear);
  signal.addEventListener('abort', wake);
  try {
    for (let isFirst = true; ; isFirst = false) {
      // Made before looking: what is heard meanwhile may lie behind what the look saw.
      pause = new AbortController();
      const wasHeard = isHeard;
      isHeard = false;
      const found = isFirst && !looksAtOnce ? undefined : await poll.look(wasHeard);
      const nowMs = clock.monotonicMs();
      if (found !== undefined || isOver() || nowMs >= deadlineMs) return found;
      const nextMs = atMoment(nowMs + pollMs * (0.8 + 0.4 * rng.next()));
      const pauseMs = Math.min(deadlineMs, nextMs) - nowMs;
      await clock.sleep(pauseMs, pause.signal).catch(() => undefined);
      if (isOver()) return undefined;
      const isEnd = nextMs >= deadlineMs && !pause.signal.aborted;
      if (isEnd && !looksAtEnd) return undefined;
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', wake);
  }
}
