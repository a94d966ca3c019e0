import { describe, expect, it } from 'vitest';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import { AppError } from '../base/app-error.ts';
import { createKit } from '../base/kit.ts';
import { silentLog, type Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import { createChores, type Chore } from './chores.ts';

const INTERVAL_MS = 1_000;

function chores(
  work: Readonly<Record<string, Chore>>,
  findIdle?: () => Promise<readonly string[]>,
): {
  readonly service: Service;
  readonly clock: ReturnType<typeof createManualClock>;
  readonly failed: unknown[];
} {
  const clock = createManualClock();
  const failed: unknown[] = [];
  const log: Log = {
    ...silentLog,
    child: () => log,
    warn: (_event, fields) => failed.push(fields),
  };
  const kit = { ...createKit(log), clock };
  const service = createChores(kit, {
    ...{ name: 'maid', intervalMs: INTERVAL_MS, chores: work },
    ...(findIdle && { findIdle }),
  });
  return { service, clock, failed };
}

describe('chores', () => {
  it('are all done in turn, in every interval, until they are stopped', async () => {
    const done: string[] = [];
    const { service, clock } = chores({
      first: () => Promise.resolve(done.push('first')),
      second: () => Promise.resolve(done.push('second')),
    });
    await service.start();
    await settle();
    expect(done).toEqual(['first', 'second']);
    await clock.advance(INTERVAL_MS);
    expect(done).toEqual(['first', 'second', 'first', 'second']);
    expect(await service.stop('test', 1_000)).toBe('stopped');
    await clock.advance(INTERVAL_MS);
    expect(done).toHaveLength(4);
  });

  it('are done although one of them fails each time, which is said', async () => {
    let done = 0;
    const error = new Error('out of order');
    const { service, clock, failed } = chores({
      broken: () => Promise.reject(error),
      other: () => Promise.resolve((done += 1)),
    });
    await service.start();
    await settle();
    await clock.advance(INTERVAL_MS);
    expect(done).toBe(2);
    expect(failed).toEqual([
      { chore: 'broken', times: 1, error },
      { chore: 'broken', times: 2, error },
    ]);
    await service.stop('test', 1_000);
  });

  it('are left out where a look says that there is nothing to do, and only then', async () => {
    const done: string[] = [];
    let idle = ['first'];
    const { service, clock } = chores(
      {
        first: () => Promise.resolve(done.push('first')),
        second: () => Promise.resolve(done.push('second')),
      },
      () => Promise.resolve(idle),
    );
    await service.start();
    await settle();
    expect(done).toEqual(['second']);
    idle = [];
    await clock.advance(INTERVAL_MS);
    expect(done).toEqual(['second', 'first', 'second']);
    await service.stop('test', 1_000);
  });

  it('are all done where the look fails, which is said', async () => {
    let done = 0;
    const error = new Error('cannot look');
    const { service, failed } = chores({ one: () => Promise.resolve((done += 1)) }, () =>
      Promise.reject(error),
    );
    await service.start();
    await settle();
    expect(done).toBe(1);
    expect(failed).toEqual([{ chore: 'look', times: 1, error }]);
    await service.stop('test', 1_000);
  });

  it('wait for the next interval when the database is away', async () => {
    let done = 0;
    const { service } = chores({
      unlucky: () => Promise.reject(new AppError('DATABASE_UNAVAILABLE', 'away')),
      other: () => Promise.resolve((done += 1)),
    });
    await service.start();
    await settle();
    expect(done).toBe(0);
    await service.stop('test', 1_000);
  });

  it('are not begun once they are to stop', async () => {
    let done = 0;
    const { service } = chores({
      long: (signal) =>
        new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
      other: () => Promise.resolve((done += 1)),
    });
    await service.start();
    await service.stop('test', 1_000);
    expect(done).toBe(0);
  });
});
