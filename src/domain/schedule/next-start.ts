// When something that is started by a schedule starts: where a range of its minutes begins.
import type { Instant } from '../../base/clock.ts';
import { decideDesired } from './desired.ts';
import { findNextChange } from './next-change.ts';

export interface StartSchedule {
  /** A set of minutes, as in presets: `0 9 * * 1-5` and `* 9-17 * * 1-5` both begin at nine. */
  readonly cron: string;
  readonly timezone: string;
}

/**
 * The first beginning after `at`; null where there is none. As everywhere here, a minute that a zone's clock skips
 * does not occur, and one that it shows twice occurs twice.
 */
export function findNextStart({ cron, timezone }: StartSchedule, at: Instant): Instant | null {
  const demand = { desired: 0, timezone, schedules: [{ cron, instances: 1 }] };
  let from = at;
  for (;;) {
    const next = findNextChange(demand, from);
    if (next === null || decideDesired(demand, next).count === 1) return next;
    from = next;
  }
}
