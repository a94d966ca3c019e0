// Passes over pools, what is ordered with them by the pool's lock, and the lease that says who makes
// the periodic one, in every order of their statements.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createId } from '../../../src/base/id.ts';
import { changePool } from '../../../src/pools/change-pool.ts';
import { pauseAll } from '../../../src/pools/pause-all.ts';
import { resetPool } from '../../../src/pools/reset-pool.ts';
import { createLease, type Lease } from '../../../src/reconciler/lease.ts';
import type { Database } from '../../../src/store/database.ts';
import type { TestPool } from '../../support/factory.ts';
import { isBefore, type Ended, type Play } from '../../support/interleave.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { FAILED, SUCCEEDED } from '../../support/queue.ts';
import {
  atOnce,
  BEHIND_THE_MEMBER,
  BUDGET,
  COMPLETIONS,
  openPlays,
  OPERATOR,
  PLANNERS,
  type Plays,
  type Versions,
  type Working,
  type World,
} from '../../support/plays.ts';

// Hundreds of orders each, which take their time where there is more work than there are cores.
vi.setConfig({ testTimeout: 90_000 });

let plays: Plays;

describe.each(Object.keys(PLANNERS))('while PostgreSQL plans %s', (planner) => {
  // What each order makes stays there, and nested loops read whole tables.
  beforeEach(async () => {
    plays = await openPlays(planner);
  });
  afterEach(() => plays[Symbol.asyncDispose]());

  describe('two passes', () => {
    it('over one pool make what one would have made', async () => {
      const explored = await plays.explore({
        setUp: () => plays.pool({ desired: 3 }),
        sessions: { pass: plays.pass, again: plays.pass },
        check: async ({ pool }) => expect(await plays.countLiving(pool)).toBe(3),
      });
      expect(explored.withWaiting).toBeGreaterThan(0);
      expect(explored.endings).toEqual([
        'pass: , again: pool.created 3',
        'pass: pool.created 3, again: ',
      ]);
    });

    it('over two pools of one organization never spend its budget twice', async () => {
      const pass = plays.passOver({ maxCreationsInFlight: 3 });
      const explored = await plays.explore<World & { readonly other: TestPool }>({
        setUp: async () => {
          const world = await plays.pool({ desired: 2 });
          return { ...world, other: await plays.beside(world, { desired: 2 }) };
        },
        sessions: {
          pass,
          other: (database, { other }, stop) => pass(database, { pool: other }, stop),
        },
        through: ['pool.lock', 'pool.read'],
        check: async ({ pool, other }) =>
          expect((await plays.countLiving(pool)) + (await plays.countLiving(other))).toBe(3),
      });
      expect(explored.withWaiting).toBeGreaterThan(0);
    });
  });

  describe('a promotion and a pass', () => {
    it('are in one order: nothing old is made once the promotion was answered', async () => {
      const explored = await plays.explore<Versions>({
        setUp: () => plays.versions({ desired: 2 }),
        sessions: { pass: plays.pass, promote: plays.promote },
        check: async (world, ended) => {
          const { pool, next } = world;
          const count = async (): Promise<readonly number[]> => [
            await plays.countLiving(pool),
            await plays.countLiving(next),
          ];
          const isOld = isBefore(ended, ['pass', 'commit'], ['promote', 'commit']);
          expect(await count()).toEqual(isOld ? [2, 0] : [0, 3]);
          await atOnce(plays, plays.pass, world);
          expect(await count()).toEqual([0, 3]);
        },
      });
      expect(explored.withWaiting).toBeGreaterThan(0);
    });
  });

  describe('a template and a pass over its pool', () => {
    it.each(['deprecate', 'deleteTemplate'] as const)(
      '(%s): nothing is made once that was answered, and what was made drains',
      async (operation) => {
        const explored = await plays.explore({
          setUp: () => plays.pool({ desired: 2 }),
          sessions: { pass: plays.pass, operator: plays[operation] },
          check: async (world, ended) => {
            const isEarly = isBefore(ended, ['pass', 'commit'], ['operator', 'commit']);
            expect(await plays.countLiving(world.pool)).toBe(isEarly ? 2 : 0);
            await atOnce(plays, plays.pass, world);
            expect(await plays.countLiving(world.pool)).toBe(0);
          },
        });
        expect(explored.withWaiting).toBeGreaterThan(0);
      },
    );

    it('that is invalidated: what was born before is replaced, by this pass or the next', async () => {
      const explored = await plays.explore({
        setUp: async () => {
          const world = await plays.pool({ desired: 2, ready: 1 });
          await plays.store.advanceClock(1);
          return world;
        },
        sessions: { pass: plays.pass, operator: plays.invalidate },
        through: BUDGET,
        check: async (world) => {
          await atOnce(plays, plays.pass, world);
          expect(await plays.countLiving(world.pool)).toBe(2);
          expect(
            await plays.store.sql(
              `select from pool_members
               where pool_id = $1 and transition = 'start' and born_at is not null`,
              [world.pool.poolId],
            ),
          ).toEqual([]);
        },
      });
      expect(explored.endings).toEqual([
        'pass: pool.created 1, operator: invalidated',
        'pass: pool.deleting 1 expired; pool.created 2, operator: invalidated',
      ]);
      expect(explored.withWaiting).toBeGreaterThan(0);
    });
  });

  describe('what operators do', () => {
    /** Behind the lock at which it meets a pass. */
    const OF_AN_OPERATION = ['pool.read_settings', 'pool.list_ids', 'settings.find'];
    const isPaused = (ended: Ended): boolean =>
      !isBefore(ended, ['pass', 'commit'], ['operator', 'commit']);
    /** A pause of whatever kind lets a pass that came first end, and none after it begin. */
    const checkPause = async (world: World, ended: Ended): Promise<void> => {
      const living = isPaused(ended) ? 0 : 2;
      expect(await plays.countLiving(world.pool)).toBe(living);
      await plays.store.sql('update presets set desired_instances = 5 where id = $1', [
        world.pool.presetId,
      ]);
      await atOnce(plays, plays.pass, world);
      expect(await plays.countLiving(world.pool)).toBe(living);
    };

    it('a pause of one pool: no pass writes for it once that was answered', async () => {
      const explored = await plays.explore({
        setUp: () => plays.pool({ desired: 2 }),
        sessions: {
          pass: plays.pass,
          operator: plays.operate((tx, poolId) =>
            changePool(plays.store.kit, tx, {
              poolId,
              by: OPERATOR,
              paused: true,
              size: undefined,
            }),
          ),
        },
        through: OF_AN_OPERATION,
        check: checkPause,
      });
      expect(explored.withWaiting).toBeGreaterThan(0);
    });

    it('a pause of everything: no pass writes for anything once that was answered', async () => {
      const explored = await plays.explore({
        setUp: async () => {
          await plays.store.sql('delete from settings');
          return plays.pool({ desired: 2 });
        },
        sessions: {
          pass: plays.pass,
          operator: plays.operate((tx) =>
            pauseAll(plays.store.kit, tx, { paused: true, by: OPERATOR }),
          ),
        },
        through: OF_AN_OPERATION,
        check: checkPause,
      });
      await plays.store.sql('delete from settings');
      expect(explored.withWaiting).toBeGreaterThan(0);
    });

    it('a resize: a pass makes as many as were wanted when it came, and the next as many as now', async () => {
      const explored = await plays.explore({
        setUp: () => plays.pool({ desired: 2 }),
        sessions: {
          pass: plays.pass,
          operator: plays.operate((tx, poolId) =>
            changePool(plays.store.kit, tx, {
              poolId,
              by: OPERATOR,
              paused: undefined,
              size: { instances: 4, overridesSchedules: false },
            }),
          ),
        },
        through: OF_AN_OPERATION,
        check: async (world, ended) => {
          const isLate = isBefore(ended, ['pass', 'commit'], ['operator', 'commit']);
          expect(await plays.countLiving(world.pool)).toBe(isLate ? 2 : 4);
          await atOnce(plays, plays.pass, world);
          expect(await plays.countLiving(world.pool)).toBe(4);
        },
      });
      expect(explored.withWaiting).toBeGreaterThan(0);
    });

    const isLimited = async ({ pool }: World): Promise<boolean> => {
      const rows = await plays.store.sql(
        'select from pool_brakes where pool_id = $1 and limited_at is not null',
        [pool.poolId],
      );
      return rows.length > 0;
    };
    const reset = (): Play<World> =>
      plays.operate((tx, poolId) => resetPool(plays.store.kit, tx, { poolId, by: OPERATOR }));

    it('a reset and a pass that begins a trial: the pool is free, and filled', async () => {
      const explored = await plays.explore({
        setUp: async () => {
          const world = await plays.pool({ desired: 2 });
          await plays.limit(world);
          return world;
        },
        sessions: { pass: plays.pass, operator: reset() },
        check: async (world) => {
          await atOnce(plays, plays.pass, world);
          expect(await isLimited(world)).toBe(false);
          expect(await plays.countLiving(world.pool)).toBe(2);
        },
      });
      expect(explored.endings).toEqual([
        'pass: pool.created 1, operator: done',
        'pass: pool.created 2, operator: done',
      ]);
    });

    const setUpTrial = async (): Promise<Working> => {
      const world = await plays.pool({ desired: 1 });
      await plays.limit(world);
      await atOnce(plays, plays.pass, world);
      return plays.takeFirst(world);
    };

    it.each(COMPLETIONS)(
      'a reset and the trial’s failure: it counts for nothing (%s)',
      async (complete) => {
        await plays.explore<Working>({
          setUp: setUpTrial,
          sessions: { daemon: plays[complete](FAILED), operator: reset() },
          through: BEHIND_THE_MEMBER,
          check: async (world) => {
            await atOnce(plays, plays.pass, world);
            expect(await isLimited(world)).toBe(false);
          },
        });
      },
    );

    it.each(COMPLETIONS)(
      'a reset and the trial’s success: what it built is one of the pool (%s)',
      async (complete) => {
        const explored = await plays.explore<Working>({
          setUp: setUpTrial,
          sessions: { daemon: plays[complete](SUCCEEDED), operator: reset() },
          through: BEHIND_THE_MEMBER,
          check: async (world) => {
            expect(await atOnce(plays, plays.pass, world)).toBe('');
            expect(await isLimited(world)).toBe(false);
            expect(await plays.countLiving(world.pool)).toBe(1);
          },
        });
        expect(explored.endings).toEqual(['daemon: told, operator: done']);
      },
    );

    it('a reset and the pass that notices the trial’s success: the limit ends once', async () => {
      const explored = await plays.explore<Working>({
        setUp: async () => {
          const world = await setUpTrial();
          await atOnce(plays, plays.completeAlone(SUCCEEDED), world);
          return world;
        },
        sessions: { pass: plays.pass, operator: reset() },
        check: async (world) => {
          expect(await atOnce(plays, plays.pass, world)).toBe('');
          expect(await isLimited(world)).toBe(false);
          expect(await plays.countLiving(world.pool)).toBe(1);
        },
      });
      expect(explored.endings).toEqual([
        'pass: , operator: done',
        'pass: pool.brakes_changed 0, operator: done',
      ]);
      expect(explored.withWaiting).toBeGreaterThan(0);
    });
  });

  describe('the lease', () => {
    interface Contest {
      readonly leases: readonly ((database: Database) => Lease)[];
    }

    /** Three replicas, and the lease of the first one has just run out. */
    const setUp = async (): Promise<Contest> => {
      const { kit, database } = plays.store;
      const name = createId(kit);
      const replica = (): ((database: Database) => Lease) => {
        const holder = createId(kit);
        const deps = { kit: { ...kit, clock: createManualClock() }, onTaken: () => undefined };
        const options = { name, holder, ttlMs: 15_000, takeAtOnce: false };
        return (on) => createLease({ ...deps, database: on }, options);
      };
      const first = replica();
      await first(database).confirm();
      await plays.store.sql(
        `update leases set expires_at = clock_timestamp() - interval '1 ms' where name = $1`,
        [name],
      );
      return { leases: [first, replica(), replica()] };
    };
    const leaseOf = ({ leases }: Contest, place: number, database: Database): Lease => {
      const make = leases[place];
      if (make === undefined) throw new Error(`there is no replica ${place}`);
      return make(database);
    };
    const confirmBy =
      (place: number): Play<Contest> =>
      async (database, contest) => {
        const lease = leaseOf(contest, place, database);
        return (await lease.confirm()) ? `epoch ${lease.epoch}` : 'another';
      };

    it('that ran out is renewed or taken over, by one of all', async () => {
      const explored = await plays.explore<Contest>({
        setUp,
        sessions: { leader: confirmBy(0), second: confirmBy(1), third: confirmBy(2) },
        check: () => Promise.resolve(),
      });
      expect(explored).toMatchObject({
        orders: 6,
        endings: [
          'leader: another, second: another, third: epoch 2',
          'leader: another, second: epoch 2, third: another',
          'leader: epoch 1, second: another, third: another',
        ],
      });
    });

    it('that is given up is free from then on, and not before', async () => {
      const explored = await plays.explore<Contest>({
        setUp,
        sessions: {
          leader: async (database, contest) => {
            const lease = leaseOf(contest, 0, database);
            await lease.start();
            const { epoch } = lease;
            await lease.stop('test', 1_000);
            return epoch === undefined ? 'another' : `epoch ${epoch}`;
          },
          second: confirmBy(1),
        },
        check: () => Promise.resolve(),
      });
      expect(explored.endings).toEqual([
        'leader: another, second: epoch 2',
        'leader: epoch 1, second: another',
        'leader: epoch 1, second: epoch 2',
      ]);
    });
  });
});
