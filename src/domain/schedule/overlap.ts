// Exact overlap of two entries, over every day that can ever be: any date can fall on any weekday.
import type { Cron } from './cron.ts';

/** The days of each month as bits of their dates; February counts 29. */
const MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].map((days, index) => ({
  month: index + 1,
  dates: Array.from({ length: days }, (_, n) => 1 << (n + 1)).reduce((a, b) => a | b),
}));

/** Whether some minute of some possible day is matched by both. */
export function overlaps(a: Cron, b: Cron): boolean {
  return (
    intersects(a.minutes, b.minutes) &&
    intersects(a.hours, b.hours) &&
    MONTHS.some(
      ({ month, dates }) =>
        a.months.has(month) &&
        b.months.has(month) &&
        a.dates.some((bits, weekday) => (bits & (b.dates[weekday] ?? 0) & dates) !== 0),
    )
  );
}

/** Whether no day ever matches, such as 30 February. */
export function neverMatches(cron: Cron): boolean {
  return !overlaps(cron, cron);
}

function intersects(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  for (const value of a) if (b.has(value)) return true;
  return false;
}
