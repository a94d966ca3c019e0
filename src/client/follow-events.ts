// An event stream that outlives its connections: when one breaks, another is opened after the last
// event that was handed out, so that none is lost and none comes twice.
import { AppError, mayPass } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/random.ts';

export interface FollowDeps {
  readonly clock: Clock;
  readonly rng: Pick<Rng, 'next'>;
}

export interface FollowedStream<Event> {
  /** Opens the stream after a position; undefined: from its beginning. */
  readonly open: (after: string | undefined) => Promise<AsyncIterable<Event>>;
  /** Whether nothing follows this event. */
  readonly isLast: (event: Event) => boolean;
}

export interface FollowOptions {
  /** The position to begin after. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
  /** For how long nobody has to answer; a minute unless given. */
  readonly patienceMs?: number;
}

const RETRY = { firstMs: 200, maxMs: 5_000 };
/** A control plane is back within seconds of a restart; whoever waits longer should be told why. */
const PATIENCE_MS = 60_000;

/**
 * The events until the last one. Throws what a connection fails with when that will not pass by
 * itself, or did not in time; an abort of the signal as its reason.
 */
export async function* followEvents<Event extends { readonly id: string }>(
  { clock, rng }: FollowDeps,
  { open, isLast }: FollowedStream<Event>,
  { after, signal, patienceMs = PATIENCE_MS }: FollowOptions,
): AsyncGenerator<Event, void, undefined> {
  const backoff = createBackoff(rng, RETRY);
  let position = after;
  let reachedMs = clock.monotonicMs();
  let wasOpen = false;
  for (;;) {
    try {
      const events = await open(position);
      wasOpen = true;
      try {
        for await (const event of events) {
          backoff.reset();
          position = event.id;
          yield event;
          if (isLast(event)) return;
        }
        // Closed in good order before the last event: the server stops, or what is in between does.
      } finally {
        reachedMs = clock.monotonicMs(); // it was there until now, however long that was
      }
    } catch (error) {
      signal.throwIfAborted();
      const isPatient = clock.monotonicMs() - reachedMs < patienceMs;
      if (!isPatient || !isWorthAnother(error, wasOpen)) throw error;
    }
    await clock.sleep(backoff.nextMs(), signal);
  }
}

function isWorthAnother(error: unknown, wasOpen: boolean): boolean {
  // The server may not have noticed yet that the connection before is gone, which counts until then.
  if (error instanceof AppError && error.code === 'TOO_MANY_STREAMS') return wasOpen;
  return mayPass(error);
}
