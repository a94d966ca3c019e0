// When what failed is tried again, where it has to be done in the end.
import type { Instant } from '../../base/clock.ts';

const FIRST_RETRY_MS = 60_000;
const MAX_RETRY_MS = 3_600_000;

export interface FailedTries {
  /** Of the last one. */
  readonly endedAt: Instant;
  /** So far, all of which failed; at least one. */
  readonly tries: number;
}

/** After a minute, doubling to an hour, for ever: what is left behind costs money. */
export function retryAt({ endedAt, tries }: FailedTries): Instant {
  return endedAt + Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), MAX_RETRY_MS);
}
