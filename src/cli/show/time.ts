// Times and durations for people.
import type { Instant } from '../../base/clock.ts';

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'm'],
] as const;

/** How long ago a time of the API was: `3m`, `2d`, the largest whole unit; `-` for none. */
export function formatAge(time: string | null, now: Instant): string {
  if (time === null) return '-';
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1_000));
  for (const [length, unit] of UNITS) {
    if (seconds >= length) return `${Math.floor(seconds / length)}${unit}`;
  }
  return `${seconds}s`;
}

/** `0.4 s`, `75 s`. */
export function formatSeconds(ms: number): string {
  const seconds = ms / 1_000;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
