// What is wrong with a preset's schedules, said when a template is pushed: a schedule that cannot
// be used would quietly leave the pool at its base count.
import { excerpt } from '../../base/excerpt.ts';
import { neverMatches } from './overlap.ts';
import { findOverlaps, parseSchedules, type ScheduleEntry } from './schedule.ts';
import { isZone } from './zone.ts';

export interface ScheduleIssue {
  readonly code:
    'TIMEZONE_UNKNOWN' | 'SCHEDULE_INVALID' | 'SCHEDULES_OVERLAP' | 'SCHEDULE_NEVER_MATCHES';
  /** One sentence with the values. */
  readonly detail: string;
  /** The place of the entry in the list, of the later one where two overlap; null: the zone. */
  readonly index: number | null;
}

/** Everything that is wrong, the zone first, then by entry; empty when the schedules can be used. */
export function checkSchedules(
  entries: readonly ScheduleEntry[],
  zone: string,
): readonly ScheduleIssue[] {
  const { valid, invalid } = parseSchedules(entries);
  const byEntry: (ScheduleIssue & { readonly index: number })[] = [
    ...invalid.map(({ index, cron, problem }) => ({
      code: 'SCHEDULE_INVALID' as const,
      detail: `The schedule ${excerpt(cron)} does not parse: ${problem}.`,
      index,
    })),
    ...valid
      .filter((entry) => neverMatches(entry.parsed))
      .map(({ index, cron }) => ({
        code: 'SCHEDULE_NEVER_MATCHES' as const,
        detail: `The schedule ${excerpt(cron)} never matches: no month has such a day.`,
        index,
      })),
    ...findOverlaps(valid).map(([a, b]) => ({
      code: 'SCHEDULES_OVERLAP' as const,
      detail: `The schedules ${excerpt(a.cron)} and ${excerpt(b.cron)} cover a common minute.`,
      index: b.index,
    })),
  ];
  return [...checkZone(entries, zone), ...byEntry.sort((a, b) => a.index - b.index)];
}

/** An empty zone is fine where nothing needs one. */
function checkZone(entries: readonly ScheduleEntry[], zone: string): readonly ScheduleIssue[] {
  if (zone === '' ? entries.length === 0 : isZone(zone)) return [];
  const detail =
    zone === ''
      ? 'The schedules have no time zone.'
      : `There is no time zone ${excerpt(zone)} in the IANA database, spelled exactly so.`;
  return [{ code: 'TIMEZONE_UNKNOWN', detail, index: null }];
}
