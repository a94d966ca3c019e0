// What its owner makes of a workspace's life: how long it runs, when it starts, and with which version.
import { AppError } from '../../base/app-error.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { StartSchedule } from '../../domain/schedule/next-start.ts';
import type { AutomaticUpdates } from '../../domain/workspace/automatic-updates.ts';
import { mayRun } from '../../domain/workspace/life.ts';
import type { RowOf } from '../../store/column.ts';
import type { Database, Transaction } from '../../store/database.ts';
import { lockLife, setAutomaticUpdates, setLife } from '../../store/life.ts';
import { PREBUILDS_USER_ID } from '../../store/system-user.ts';
import { findLatestBuild } from '../../store/workspace.ts';
import type { Requester } from '../request.ts';
import { findFirstStart } from './autostart.ts';

/** What is undefined stays as it is. */
export interface LifeChange {
  readonly id: WorkspaceId;
  /** After each start, and from now on where it runs; 0: for ever. */
  readonly ttlSeconds?: number | undefined;
  readonly deadlineAt?: Instant | undefined;
  /** Null: it does not start by itself. */
  readonly autostart?: StartSchedule | null | undefined;
  readonly automaticUpdates?: AutomaticUpdates | undefined;
  /** It is not dormant any more. */
  readonly wakes?: boolean;
}

type LockedLife = RowOf<typeof lockLife.columns>;

/**
 * Throws NOT_FOUND for what the requester may not see, WORKSPACE_UNCLAIMED for a prebuild that nobody has claimed,
 * NO_DEADLINE where nothing would stop it, LIFETIME_EXCEEDED for what is past its lifetime, BAD_REQUEST for a
 * deadline that has passed, and TIMEZONE_UNKNOWN, SCHEDULE_INVALID or SCHEDULE_NEVER_MATCHES.
 */
export async function changeLife(
  { database }: Kit & { readonly database: Database },
  requester: Requester,
  change: LifeChange,
): Promise<void> {
  const { id, ttlSeconds, deadlineAt, autostart, automaticUpdates, wakes = false } = change;
  await database.transaction(async (tx) => {
    const life = await lockLife.maybe(tx, { id });
    if (life === undefined || !(life.ownerId === requester.userId || requester.isAdmin)) {
      throw new AppError('NOT_FOUND', `there is no workspace ${id}`);
    }
    if (life.ownerId === PREBUILDS_USER_ID) {
      throw new AppError(
        'WORKSPACE_UNCLAIMED',
        `workspace ${id} belongs to a pool that nobody has claimed it from yet`,
      );
    }
    const next = {
      ...pick(life),
      ...(ttlSeconds === undefined ? {} : await limit(tx, life, { id, ttlSeconds })),
      ...(deadlineAt === undefined ? {} : extend(life, { id, deadlineAt })),
      ...(autostart === undefined ? {} : schedule(life, autostart)),
      ...(wakes ? { dormantAt: null } : {}),
    };
    await setLife.run(tx, {
      ...{ id, epoch: life.epoch, ...next },
      cron: next.autostart?.cron ?? null,
      timezone: next.autostart?.timezone ?? null,
    });
    if (automaticUpdates !== undefined) await setAutomaticUpdates.run(tx, { id, automaticUpdates });
    tx.notify({ kind: 'workspace', workspaceId: id });
  });
}

type NextLife = Pick<
  LockedLife,
  'ttlSeconds' | 'deadlineAt' | 'autostart' | 'nextStartAt' | 'dormantAt'
>;

function pick({ ttlSeconds, deadlineAt, autostart, nextStartAt, dormantAt }: LockedLife): NextLife {
  return { ttlSeconds, deadlineAt, autostart, nextStartAt, dormantAt };
}

function extend(
  { deadlineAt: former, lifetimeEndsAt, now }: LockedLife,
  { id, deadlineAt }: { readonly id: WorkspaceId; readonly deadlineAt: Instant },
): Pick<NextLife, 'deadlineAt'> {
  if (former === null) {
    throw new AppError('NO_DEADLINE', `workspace ${id} has no deadline`);
  }
  if (deadlineAt <= now) {
    throw new AppError('BAD_REQUEST', {
      detail: `the deadline ${formatInstant(deadlineAt)} has passed: it is ${formatInstant(now)}`,
      hint: '`standby workspace stop` stops it now.',
    });
  }
  if (lifetimeEndsAt !== null && deadlineAt > lifetimeEndsAt) {
    throw new AppError(
      'LIFETIME_EXCEEDED',
      `the deadline ${formatInstant(deadlineAt)} is past the end of the lifetime of workspace ${id}, ` +
        `which is ${formatInstant(lifetimeEndsAt)}`,
    );
  }
  return { deadlineAt };
}

/** A time to live that is longer than the lifetime ends with it. */
async function limit(
  tx: Transaction,
  { lifetimeEndsAt, now }: LockedLife,
  { id, ttlSeconds }: { readonly id: WorkspaceId; readonly ttlSeconds: number },
): Promise<Pick<NextLife, 'ttlSeconds' | 'deadlineAt'>> {
  if (ttlSeconds === 0) return { ttlSeconds: null, deadlineAt: null };
  const latest = await findLatestBuild.one(tx, { workspaceId: id });
  if (!mayRun(latest)) return { ttlSeconds, deadlineAt: null };
  return { ttlSeconds, deadlineAt: Math.min(now + ttlSeconds * 1_000, lifetimeEndsAt ?? Infinity) };
}

function schedule(
  { now }: LockedLife,
  autostart: StartSchedule | null,
): Pick<NextLife, 'autostart' | 'nextStartAt'> {
  if (autostart === null) return { autostart, nextStartAt: null };
  return { autostart, nextStartAt: findFirstStart(autostart, now) };
}
