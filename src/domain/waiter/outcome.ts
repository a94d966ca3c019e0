// What becomes of who waits for a prebuild.

/** Every end of waiting, each with the sentence that says when. */
export const WAIT_OUTCOMES = {
  served: 'when a prebuild was handed over',
  canceled: 'when it was not waited for any longer',
  timed_out: 'when the deadline passed first',
  refused: 'when it could not be served any more; the error says why',
} as const;
export type WaitOutcome = keyof typeof WAIT_OUTCOMES;

/** What a waiter counts as, each with the sentence that says when. */
export const WAITER_STATES = {
  waiting: 'when a place in line is held, and its name with it',
  ...WAIT_OUTCOMES,
} as const;
export type WaiterState = keyof typeof WAITER_STATES;

/** The highest goes first; who says nothing has 0. */
export const MAX_PRIORITY = 1_000;
