// When a running prebuild that is not ready counts as unhealthy, and is replaced.
import type { Instant } from '../../base/clock.ts';
import type { PoolMember } from './member.ts';

/** How long a prebuild that was ready may be silent or unready: a reboot or a lost network heals in it. */
const LOST_GRACE_MS = 120_000;

export interface Judging {
  /** How long a prebuild may take from the end of its build to its first readiness. */
  readonly unreadyGraceMs: number;
  /**
   * Since when signs of life can be stored without a gap; null: they cannot, so nobody is judged
   * by a silence that may not be his.
   */
  readonly judgedFrom: Instant | null;
}

/**
 * When the running `member` became unhealthy or will, should it not become ready before; null when
 * it is ready, does not run, or cannot be judged.
 */
export function unhealthyAt(member: PoolMember, judging: Judging): Instant | null {
  const { runningSince, ready, lostAt, broken } = member;
  if (runningSince === null) return null;
  if (broken !== null) return lostAt ?? runningSince;
  if (ready || judging.judgedFrom === null) return null;
  const graceEndsAt =
    lostAt === null ? runningSince + judging.unreadyGraceMs : lostAt + LOST_GRACE_MS;
  return Math.max(graceEndsAt, judging.judgedFrom + LOST_GRACE_MS);
}
