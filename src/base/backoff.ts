// Waiting times between tries: they double up to a limit, and are spread at random so that many who
// lost the same server do not come back to it in the same instant.
import type { Rng } from './random.ts';

export interface Backoff {
  /** How long to wait before the next try, in milliseconds. */
  nextMs(): number;
  /** After a success: the next failure begins with a short wait again. */
  reset(): void;
}

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

export function createBackoff(rng: Pick<Rng, 'next'>, options: BackoffOptions): Backoff {
  let ceilingMs = options.firstMs;
  return {
    nextMs: () => {
      // Between half and all of the ceiling: never at once, and a crowd is spread over as much.
      const waitMs = ceilingMs * (0.5 + rng.next() / 2);
      ceilingMs = Math.min(ceilingMs * 2, options.maxMs);
      return Math.round(waitMs);
    },
    reset: () => {
      ceilingMs = options.firstMs;
    },
  };
}
