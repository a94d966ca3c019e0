// How many prebuilds a preset wants at a moment, before anybody waits. A pure function of the
// count, the schedules, the zone and the time.
import type { Instant } from '../../base/clock.ts';
import { matchesMinute } from './cron.ts';
import { findOverlaps, parseSchedules, type ParsedEntry, type ScheduleEntry } from './schedule.ts';
import type { DesiredSource } from './source.ts';
import { hasWallClock, readWallClock } from './wall-clock.ts';

export interface Desired {
  readonly count: number;
  readonly source: DesiredSource;
}

export interface Demand {
  /** The base count. */
  readonly desired: number;
  readonly timezone: string;
  readonly schedules: readonly ScheduleEntry[];
}

/**
 * The desired count at `at`. Never throws: with an unknown zone, or entries that do not parse or
 * overlap, it is the base count with source `fallback`; `checkSchedules` tells why.
 */
export function decideDesired(demand: Demand, at: Instant): Desired {
  const base = demand.desired;
  if (demand.schedules.length === 0) return { count: base, source: 'base' };
  const entries = findUsable(demand);
  const wall = readWallClock(demand.timezone, at);
  if (entries === undefined || wall === undefined) return { count: base, source: 'fallback' };
  const inForce = entries.find((entry) => matchesMinute(entry.parsed, wall));
  return inForce === undefined
    ? { count: base, source: 'base' }
    : { count: inForce.instances, source: 'schedule' };
}

/** The entries that the count follows; undefined when the schedules cannot be used. */
export function findUsable({
  timezone,
  schedules,
}: Pick<Demand, 'timezone' | 'schedules'>): readonly ParsedEntry[] | undefined {
  const { valid, invalid } = parseSchedules(schedules);
  const usable = invalid.length === 0 && findOverlaps(valid).length === 0 && hasWallClock(timezone);
  return usable ? valid : undefined;
}
