// When schedules will ask for another count than they do now.
//
// Minutes are counted in two ways: since 1970 in UTC, and as a zone's wall clock would count them. Days
// are told apart by the wall clock alone, which is cheap; only about the first day that asks for another
// count is the zone asked when exactly its minutes occur, if they do.
import type { Instant } from '../../base/clock.ts';
import { matchesDay, type WallDay } from './cron.ts';
import { decideDesired, findUsable, type Demand } from './desired.ts';
import type { ParsedEntry } from './schedule.ts';
import { readOffset } from './wall-clock.ts';

const MINUTE_MS = 60_000;
const DAY = 1_440;
/** What occurs at all occurs within eight years: 29 February, over a century without a leap year. */
const HORIZON = (8 * 366 + 2) * DAY;

/** The first instant after `at` with another count than at `at`; null: there is none. */
export function findNextChange(demand: Demand, at: Instant): Instant | null {
  const entries = findUsable(demand);
  if (entries === undefined || entries.every(({ instances }) => instances === demand.desired)) {
    return null;
  }
  const { timezone } = demand;
  const current = decideDesired(demand, at).count;
  const calendar = createCalendar(entries, demand.desired);
  const isOther = ({ count }: Stretch): boolean => count !== current;
  let from = Math.floor(at / MINUTE_MS) + 1;
  const end = from + HORIZON;
  while (from < end) {
    let day = Math.floor((from + readOffset(timezone, from)) / DAY);
    while (day * DAY < end && !calendar(day).some(isOther)) day += 1;
    // No zone is further than a day from UTC.
    from = Math.max(from, (day - 1) * DAY);
    const dayEnd = (day + 2) * DAY;
    while (from < dayEnd) {
      const offset = readOffset(timezone, from);
      const wall = from + offset;
      const today = Math.floor(wall / DAY);
      const until = findOffsetEnd(timezone, from, (today + 1) * DAY - offset);
      const first = calendar(today).find(
        (stretch) =>
          isOther(stretch) &&
          stretch.until > wall - today * DAY &&
          stretch.from < until + offset - today * DAY,
      );
      if (first !== undefined) {
        return Math.max(from, today * DAY + first.from - offset) * MINUTE_MS;
      }
      from = until;
    }
  }
  return null;
}

/** The first minute after `from`, and `until` at the latest, that has another offset. */
function findOffsetEnd(zone: string, from: number, until: number): number {
  const offset = readOffset(zone, from);
  if (readOffset(zone, until) === offset) return until;
  let same = from;
  let other = until;
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (readOffset(zone, middle) === offset) same = middle;
    else other = middle;
  }
  return other;
}

/** Minutes of a day with one count, from the first to before `until`. */
interface Stretch {
  readonly from: number;
  readonly until: number;
  readonly count: number;
}

/** The counts of days, which are numbered from 1 January 1970. There are few different ones. */
function createCalendar(
  entries: readonly ParsedEntry[],
  base: number,
): (day: number) => readonly Stretch[] {
  const known = new Map<string, readonly Stretch[]>();
  return (day) => {
    const date = toWallDay(day);
    const inForce = entries.filter(({ parsed }) => matchesDay(parsed, date));
    const key = inForce.map(({ index }) => index).join();
    const stretches = known.get(key) ?? divideDay(inForce, base);
    known.set(key, stretches);
    return stretches;
  };
}

function toWallDay(day: number): WallDay {
  const date = new Date(day * DAY * MINUTE_MS);
  return {
    month: date.getUTCMonth() + 1,
    dayOfMonth: date.getUTCDate(),
    dayOfWeek: date.getUTCDay(),
  };
}

function divideDay(entries: readonly ParsedEntry[], base: number): readonly Stretch[] {
  const counts = Array.from({ length: DAY }, () => base);
  for (const { parsed, instances } of entries) {
    for (const hour of parsed.hours) {
      for (const minute of parsed.minutes) counts[60 * hour + minute] = instances;
    }
  }
  const starts = counts.flatMap((count, n) =>
    count === counts[n - 1] ? [] : [{ from: n, count }],
  );
  return starts.map((start, n) => ({ ...start, until: starts[n + 1]?.from ?? DAY }));
}
