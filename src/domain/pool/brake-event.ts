// What happens to the limit of a pool that keeps failing.

/** Each with the sentence that says when. */
export const BRAKE_EVENTS = {
  hard_limit_reached: 'when the newest builds all failed: no more but trials',
  hard_limit_healed: 'when a build succeeded: everything before is forgotten',
  trial_failed: 'when a trial failed: the next waits twice as long',
  trial_voided: 'when a trial ended by no fault of the template: the next waits as long again',
} as const;
export type BrakeEvent = keyof typeof BRAKE_EVENTS;
