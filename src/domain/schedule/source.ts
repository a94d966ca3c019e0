// Apart from what decides it, so that the wire's schemas need no table of time zones.

/** Where a desired count comes from, each with the sentence that says when. */
export const DESIRED_SOURCES = {
  base: 'when there are no schedules, or none is in force',
  schedule: 'when an entry is in force',
  fallback: 'when the schedules cannot be used: the base count stands in',
} as const;
export type DesiredSource = keyof typeof DESIRED_SOURCES;
