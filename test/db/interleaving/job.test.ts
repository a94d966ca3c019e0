// A job and the three that want something of it: its daemon, whoever cancels it, and the reaper, in
// every order of their statements.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cancelJob } from '../../../src/jobs/cancel-job.ts';
import { heartbeatJob } from '../../../src/jobs/heartbeat-job.ts';
import { registerDaemon } from '../../../src/jobs/register-daemon.ts';
import { sweepJobs } from '../../../src/jobs/sweep-jobs.ts';
import type { Database } from '../../../src/store/database.ts';
import { isBefore, type Play } from '../../support/interleave.ts';
import {
  atOnce,
  BEHIND_THE_MEMBER,
  COMPLETIONS,
  openPlays,
  PLANNERS,
  type Plays,
  type Working,
} from '../../support/plays.ts';
import { SUCCEEDED, SWEEP, TEST_LOG_LIMIT_BYTES, type TestDaemon } from '../../support/queue.ts';

// Hundreds of orders each, which take their time where there is more work than there are cores.
vi.setConfig({ testTimeout: 90_000 });

let plays: Plays;
/** Anew for each test: a sweep would find what others left running, and nested loops read whole tables, over and over. */
function playOn(planner: string): void {
  beforeEach(async () => {
    plays = await openPlays(planner);
  });
  afterEach(() => plays[Symbol.asyncDispose]());
}

describe.each(Object.keys(PLANNERS))('while PostgreSQL plans %s', (planner) => {
  describe('an acquisition', () => {
    playOn(planner);

    it('and a cancel: the job is canceled, or its daemon is told', async () => {
      const explored = await plays.explore<Working>({
        setUp: () => plays.work(),
        sessions: {
          daemon: plays.acquire,
          ann: async (database, { jobId }) =>
            (await database.transaction((tx) => cancelJob(plays.store.kit, tx, jobId)))?.after,
        },
        check: async ({ jobId }, { steps, given }) => {
          expect(await plays.queue.status(jobId)).toMatchObject(
            given['daemon'] === 'taken'
              ? { status: 'canceling', attempt: 1 }
              : { status: 'canceled', attempt: 0 },
          );
          // Whoever asks for work gets another job rather than wait for this one.
          expect(steps.filter(({ session, waited }) => waited && session === 'daemon')).toEqual([]);
        },
      });
      expect(explored.endings).toEqual([
        'daemon: nothing, ann: canceled',
        'daemon: taken, ann: canceling',
      ]);
      expect(explored.withWaiting).toBeGreaterThan(0);
    });

    it('and a pass that cancels: the job is taken or canceled, never both', async () => {
      const explored = await plays.explore<Working>({
        setUp: () => plays.work({ desired: 0 }),
        sessions: { daemon: plays.acquire, pass: plays.pass },
        check: async ({ jobId }, { given }) =>
          expect(await plays.queue.status(jobId)).toMatchObject(
            given['daemon'] === 'taken'
              ? { status: 'running', attempt: 1 }
              : { status: 'canceled', attempt: 0 },
          ),
      });
      expect(explored.endings).toEqual([
        'daemon: nothing, pass: pool.canceled 1',
        'daemon: taken, pass: ',
        'daemon: taken, pass: pool.canceled 0',
      ]);
      expect(explored.withWaiting).toBeGreaterThan(0);
    });

    it('and another one: the job goes to one of two daemons', async () => {
      const explored = await plays.explore<Working>({
        setUp: () => plays.work(),
        sessions: { first: plays.acquire, second: plays.acquire },
        check: async ({ jobId }) =>
          expect(await plays.queue.status(jobId)).toMatchObject({ status: 'running', attempt: 1 }),
      });
      expect(explored.endings).toEqual([
        'first: nothing, second: taken',
        'first: taken, second: nothing',
      ]);
    });
  });

  describe('a daemon that registers', () => {
    playOn(planner);

    const REGISTER = 'daemon.register';
    const register = async (database: Database, daemon: TestDaemon): Promise<TestDaemon> => {
      const deps = { ...plays.store.kit, database };
      const { incarnation } = await registerDaemon(deps, daemon.key, daemon.asked);
      return { ...daemon, incarnation };
    };

    it('while a former registration is still carried out, keeps what it takes', async () => {
      const explored = await plays.explore<Working>({
        setUp: () => plays.work(),
        sessions: {
          former: async (database, { daemon }) => {
            await register(database, daemon);
            return 'registered';
          },
          daemon: async (database, world, stop) => {
            const daemon = await register(database, world.daemon);
            return plays.acquire(database, { ...world, daemon }, stop);
          },
        },
        check: async ({ jobId }, ended) => {
          const isNewest = isBefore(ended, ['former', REGISTER], ['daemon', REGISTER]);
          const { status } = await plays.queue.status(jobId);
          expect([isNewest, ended.given['daemon'], status]).toBeOneOf([
            [true, 'taken', 'running'],
            [false, 'taken', 'failed'],
            [false, 'nothing', 'pending'],
          ]);
        },
      });
      expect(explored.endings).toEqual([
        'former: registered, daemon: nothing',
        'former: registered, daemon: taken',
      ]);
    });
  });

  describe('a result', () => {
    playOn(planner);

    const setUpSilent = async (): Promise<Working> => {
      const world = await plays.running();
      await plays.store.advanceClock(SWEEP.deadAfterMs + 1_000);
      await plays.queue.watch();
      return world;
    };
    const sweep: Play<Working> = async (database) =>
      (await sweepJobs({ ...plays.store.kit, database }, SWEEP)).hung.length;
    const OTHER_SWEEPS = ['watch.keep', 'job.find_unserved', 'job.find_revoked'];

    it.each(COMPLETIONS)(
      'and the reaper: it counts or is refused, and the job ends once (%s)',
      async (complete) => {
        const explored = await plays.explore<Working>({
          setUp: setUpSilent,
          sessions: { daemon: plays[complete](SUCCEEDED), reaper: sweep },
          through: [...OTHER_SWEEPS, ...BEHIND_THE_MEMBER],
          check: async ({ pool, jobId }, { given }) => {
            const status = given['reaper'] === 1 ? 'failed' : 'succeeded';
            expect(await plays.queue.status(jobId)).toMatchObject({ status });
            expect(
              await plays.store.sql('select from pool_events where pool_id = $1', [pool.poolId]),
            ).toHaveLength(1);
          },
        });
        expect(explored.endings).toEqual([
          'daemon: ATTEMPT_STALE, reaper: 1',
          'daemon: told, reaper: 0',
        ]);
        expect(explored.withWaiting).toBeGreaterThan(0);
      },
    );

    it('that is announced by a sign of life at the last moment: the job goes on, or the sign is refused', async () => {
      const explored = await plays.explore<Working>({
        setUp: setUpSilent,
        sessions: {
          daemon: async (database, { daemon, jobId }) => {
            const attempt = { daemon, jobId, attempt: 1 };
            await heartbeatJob({ database, logLimitBytes: TEST_LOG_LIMIT_BYTES }, attempt, []);
            return 'heard';
          },
          reaper: sweep,
        },
        through: [...OTHER_SWEEPS, ...BEHIND_THE_MEMBER],
        check: async ({ daemon, jobId }, { given }) => {
          const status = given['reaper'] === 1 ? 'failed' : 'running';
          expect(await plays.queue.status(jobId)).toMatchObject({ status });
          // In the next order it would be silent again.
          if (status === 'running') await plays.queue.complete({ daemon, jobId, attempt: 1 });
        },
      });
      expect(explored.endings).toEqual([
        'daemon: ATTEMPT_STALE, reaper: 1',
        'daemon: heard, reaper: 0',
      ]);
    });

    it('that never comes is noticed by one of two reapers', async () => {
      const explored = await plays.explore<Working>({
        setUp: setUpSilent,
        sessions: { one: sweep, other: sweep },
        through: [...OTHER_SWEEPS, ...BEHIND_THE_MEMBER],
        check: async ({ jobId }) =>
          expect(await plays.queue.status(jobId)).toMatchObject({ status: 'failed' }),
      });
      expect(explored.endings).toEqual(['one: 0, other: 1', 'one: 1, other: 0']);
      expect(explored.withWaiting).toBeGreaterThan(0);
    });

    it.each(COMPLETIONS)(
      'and a pass that wants none: what was built is deleted by this one or the next (%s)',
      async (complete) => {
        const explored = await plays.explore<Working>({
          setUp: () => plays.running({ desired: 0 }),
          sessions: { daemon: plays[complete](SUCCEEDED), pass: plays.pass },
          through: BEHIND_THE_MEMBER,
          check: async (world) => {
            await atOnce(plays, plays.pass, world);
            expect(await plays.countLiving(world.pool)).toBe(0);
          },
        });
        expect(explored.endings).toEqual([
          'daemon: told, pass: ',
          'daemon: told, pass: pool.deleting 1 extraneous',
        ]);
      },
    );
  });
});
