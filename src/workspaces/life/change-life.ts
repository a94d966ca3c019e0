// What its owner makes of a workspace's life: how long it runs.
import { AppError } from '../../base/app-error.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import { mayRun } from '../../domain/workspace/life.ts';
import type { RowOf } from '../../store/column.ts';
import type { Database, Transaction } from '../../store/database.ts';
import { lockLife, setLife } from '../../store/life.ts';
import { PREBUILDS_USER_ID } from '../../store/system-user.ts';
import { findLatestBuild } from '../../store/workspace.ts';
import type { Requester } from '../request.ts';

export type LifeChange = { readonly id: WorkspaceId } & (
  | {
      /** After each start, and from now on where it runs; 0: for ever. */
      readonly ttlSeconds: number;
    }
  | { readonly deadlineAt: Instant }
);

type LockedLife = RowOf<typeof lockLife.columns>;

/**
 * Throws NOT_FOUND for what the requester may not see, WORKSPACE_UNCLAIMED for a prebuild that nobody has claimed,
 * NO_DEADLINE where nothing would stop it, LIFETIME_EXCEEDED for what is past its lifetime, and BAD_REQUEST for a
 * deadline that has passed.
 */
export async function changeLife(
  { database }: Kit & { readonly database: Database },
  requester: Requester,
  change: LifeChange,
): Promise<void> {
  const { id } = change;
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
    const next = 'deadlineAt' in change ? extend(life, change) : await limit(tx, life, change);
    await setLife.run(tx, { id, epoch: life.epoch, ...next });
    tx.notify({ kind: 'workspace', workspaceId: id });
  });
}

type NextLife = Pick<LockedLife, 'ttlSeconds' | 'deadlineAt'>;

function extend(
  { ttlSeconds, deadlineAt: former, lifetimeEndsAt, now }: LockedLife,
  { id, deadlineAt }: { readonly id: WorkspaceId; readonly deadlineAt: Instant },
): NextLife {
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
  return { ttlSeconds, deadlineAt };
}

/** A time to live that is longer than the lifetime ends with it. */
async function limit(
  tx: Transaction,
  { lifetimeEndsAt, now }: LockedLife,
  { id, ttlSeconds }: { readonly id: WorkspaceId; readonly ttlSeconds: number },
): Promise<NextLife> {
  if (ttlSeconds === 0) return { ttlSeconds: null, deadlineAt: null };
  const latest = await findLatestBuild.one(tx, { workspaceId: id });
  if (!mayRun(latest)) return { ttlSeconds, deadlineAt: null };
  return { ttlSeconds, deadlineAt: Math.min(now + ttlSeconds * 1_000, lifetimeEndsAt ?? Infinity) };
}
