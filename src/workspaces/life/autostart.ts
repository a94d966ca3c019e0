// The schedule by which a workspace is started: whether it is one, and what a new owner brings of it.
import { AppError } from '../../base/app-error.ts';
import type { Instant } from '../../base/clock.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { WorkspaceId } from '../../base/id.ts';
import { checkSchedules } from '../../domain/schedule/check.ts';
import { findNextStart, type StartSchedule } from '../../domain/schedule/next-start.ts';
import type { Transaction } from '../../store/database.ts';
import { lockLife, setLife } from '../../store/life.ts';

/** When it starts first. Throws TIMEZONE_UNKNOWN, SCHEDULE_INVALID or SCHEDULE_NEVER_MATCHES. */
export function findFirstStart(autostart: StartSchedule, now: Instant): Instant {
  const { cron, timezone } = autostart;
  const [issue] = checkSchedules([{ cron, instances: 1 }], timezone);
  if (issue !== undefined) throw new AppError(issue.code, issue.detail);
  const first = findNextStart(autostart, now);
  if (first !== null) return first;
  throw new AppError('SCHEDULE_INVALID', {
    detail: `the schedule ${excerpt(cron)} has no beginning: it covers every minute`,
    hint: 'Name the minute at which the workspace is to start, such as `0 9 * * 1-5`.',
  });
}

/** In the transaction in which somebody gets the workspace, by a schedule that `findFirstStart` has seen. */
export async function grantAutostart(
  tx: Transaction,
  id: WorkspaceId,
  autostart: StartSchedule,
): Promise<void> {
  const { epoch, ttlSeconds, deadlineAt, dormantAt, now } = await lockLife.one(tx, { id });
  const { cron, timezone } = autostart;
  const nextStartAt = findNextStart(autostart, now);
  const life = { ttlSeconds, deadlineAt, dormantAt, nextStartAt };
  await setLife.run(tx, { id, epoch, cron, timezone, ...life });
}
