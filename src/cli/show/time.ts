// Times and durations for people.
import { formatInstant, type Instant } from '../../base/clock.ts';

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

/** How long until a time of the API: `in 3m`, `in 2d`; `now` once it has come, `-` for none. */
export function formatAhead(time: string | null, now: Instant): string {
  if (time === null) return '-';
  const ahead = Date.parse(time) - now;
  return ahead <= 0 ? 'now' : `in ${formatAge(formatInstant(now - ahead), now)}`;
}

/** `8h`, `90m`, `75s`: the largest unit that makes it whole. */
export function formatDuration(seconds: number): string {
  const unit = UNITS.find(([length]) => seconds % length === 0);
  return unit === undefined ? `${seconds}s` : `${seconds / unit[0]}${unit[1]}`;
}

/** `0.4 s`, `75 s`. */
export function formatSeconds(ms: number): string {
  const seconds = ms / 1_000;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
