// A claim and whatever else happens to its pool at the same moment, in every order of their statements.
// `endings` are all the outcomes that there are.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKnownTemplates } from '../../../src/workspaces/known-templates.ts';
import { isBefore } from '../../support/interleave.ts';
import {
  AROUND_A_CLAIM,
  atOnce,
  BUDGET,
  openPlays,
  PLANNERS,
  type Plays,
} from '../../support/plays.ts';

const TAKE = 'claim.take_oldest';
const LATEST = ['build.find_latest', 'build.find_latest_effective'];
const TTL_SECONDS = 3_600;
const nothingMore = (): Promise<void> => Promise.resolve();

// Hundreds of orders each, which take their time where there is more work than there are cores.
vi.setConfig({ testTimeout: 90_000 });

let plays: Plays;

describe.each(Object.keys(PLANNERS))('while PostgreSQL plans %s', (planner) => {
  // What each order makes stays there, and nested loops read whole tables.
  beforeEach(async () => {
    plays = await openPlays(planner);
  });
  afterEach(() => plays[Symbol.asyncDispose]());

  describe('two claims', () => {
    it('of one prebuild have one winner, and wait for nobody', async () => {
      const explored = await plays.explore({
        setUp: () => plays.pool({ ready: 1 }),
        sessions: { ann: plays.claimBy(0), bob: plays.claimBy(1) },
        check: nothingMore,
      });
      expect(explored).toMatchObject({
        withWaiting: 0,
        endings: ['ann: POOL_EMPTY, bob: hit', 'ann: hit, bob: POOL_EMPTY'],
      });
    });

    it('of three prebuilds both win, and take one each', async () => {
      const explored = await plays.explore({
        setUp: () => plays.pool({ desired: 3, ready: 3 }),
        sessions: { ann: plays.claimBy(0), bob: plays.claimBy(1) },
        check: async ({ pool }) => expect(await plays.countLiving(pool)).toBe(1),
      });
      expect(explored).toMatchObject({ withWaiting: 0, endings: ['ann: hit, bob: hit'] });
    });

    it('with one key are one claim', async () => {
      const explored = await plays.explore({
        setUp: () => plays.pool({ desired: 2, ready: 2 }),
        sessions: {
          ann: plays.claimBy(0, { idempotencyKey: 'key' }),
          again: plays.claimBy(0, { idempotencyKey: 'key' }),
        },
        check: async ({ pool }) => expect(await plays.countLiving(pool)).toBe(1),
      });
      expect(explored.endings).toEqual(['ann: hit, again: hit']);
    });
  });

  describe.each(['apply', 'instant'] as const)('a claim (%s)', (claim) => {
    it('and a pass that deletes have exactly one winner', async () => {
      const play = {
        setUp: () => plays.pool({ desired: 0, ready: 1, claim }),
        sessions: { ann: plays.claimBy(0), pass: plays.pass },
        through: AROUND_A_CLAIM,
        check: nothingMore,
      };
      const explored = await plays.explore(play, { everywhere: claim === 'instant' });
      expect(explored.endings).toEqual([
        'ann: POOL_EMPTY, pass: pool.deleting 1 extraneous',
        'ann: hit, pass: ',
        'ann: hit, pass: pool.deleting 0 extraneous',
      ]);
      // An instant one is a single statement: there is no moment at which one could wait for it.
      expect(explored.withWaiting > 0).toBe(claim === 'apply');
    });
  });

  describe.each(['apply', 'instant'] as const)('a claim (%s)', (claim) => {
    it('and an administrator who deletes the prebuild have exactly one winner', async () => {
      const explored = await plays.explore({
        setUp: () => plays.pool({ ready: 1, claim }),
        sessions: { ann: plays.claimBy(0), admin: plays.deletePrebuild },
        // No claim locks a pool, and what follows the member's row is decided there.
        through: [...AROUND_A_CLAIM, 'pool.lock', 'workspace.lock', ...LATEST],
        check: async ({ pool }, { given }) => {
          expect(given['ann'] === 'hit').toBe(given['admin'] !== 'deleting');
          expect(await plays.countLiving(pool)).toBe(0);
        },
      });
      expect(explored.endings).toEqual([
        'ann: POOL_EMPTY, admin: deleting',
        'ann: hit, admin: WORKSPACE_CLAIMED',
      ]);
    });
  });

  describe('a claim', () => {
    it('gets nothing of a version that is not the active one any more', async () => {
      const explored = await plays.explore({
        setUp: () => plays.versions({ ready: 1 }),
        sessions: { ann: plays.claimBy(0), promote: plays.promote },
        check: (_world, ended) => {
          const isTooLate = isBefore(ended, ['promote', 'commit'], ['ann', TAKE]);
          expect(ended.given['ann'] === 'hit').toBe(!isTooLate);
          return Promise.resolve();
        },
      });
      expect(explored.withWaiting).toBe(0);
    });

    it('that was made before gets nothing of a version that is not the active one any more', async () => {
      const knownTemplates = createKnownTemplates();
      const explored = await plays.explore({
        setUp: async () => {
          const world = await plays.versions({ ready: 2, claim: 'instant' });
          await atOnce(plays, plays.claimBy(1, { knownTemplates }), world);
          return world;
        },
        sessions: { ann: plays.claimBy(0, { knownTemplates }), promote: plays.promote },
        check: (_world, ended) => {
          const isTooLate = isBefore(ended, ['promote', 'commit'], ['ann', TAKE]);
          expect(ended.given['ann'] === 'hit').toBe(!isTooLate);
          return Promise.resolve();
        },
      });
      expect(explored.withWaiting).toBe(0);
    });

    it.each(['apply', 'instant'] as const)(
      '(%s) gets nothing of a template that is deprecated by then',
      async (claim) => {
        const explored = await plays.explore({
          setUp: () => plays.pool({ ready: 1, claim }),
          sessions: { ann: plays.claimBy(0), operator: plays.deprecate },
          check: async ({ pool }, ended) => {
            const isInTime = isBefore(ended, ['ann', TAKE], ['operator', 'commit']);
            expect(ended.given['ann'] === 'hit').toBe(isInTime);
            expect(await plays.countLiving(pool)).toBe(isInTime ? 0 : 1);
          },
        });
        expect(explored.endings).toEqual([
          'ann: TEMPLATE_DEPRECATED, operator: deprecated',
          'ann: hit, operator: deprecated',
        ]);
        expect(explored.withWaiting).toBe(0);
      },
    );

    it('gets nothing that is too old at that instant, or that a pass deletes', async () => {
      const explored = await plays.explore({
        setUp: async () => {
          const world = await plays.pool({ ready: 1 });
          await plays.store.sql('update presets set ttl_seconds = $2 where id = $1', [
            world.pool.presetId,
            TTL_SECONDS,
          ]);
          return world;
        },
        sessions: {
          ann: plays.claimBy(0),
          pass: async (database, world, stop) => {
            await stop('time');
            await plays.store.advanceClock((TTL_SECONDS + 1) * 1_000);
            return plays.pass(database, world, stop);
          },
        },
        through: [...BUDGET, ...AROUND_A_CLAIM],
        check: async ({ pool }, ended) => {
          const isTooLate = isBefore(ended, ['pass', 'time'], ['ann', TAKE]);
          expect(ended.given['ann'] === 'hit').toBe(!isTooLate);
          expect(await plays.countLiving(pool)).toBe(1);
        },
      });
      expect(explored.endings).toEqual([
        'ann: POOL_EMPTY, pass: pool.deleting 1 expired; pool.created 1',
        'ann: hit, pass: pool.created 1',
        'ann: hit, pass: pool.deleting 0 expired; pool.created 1',
      ]);
    });

    it('is made up for by one of two passes', async () => {
      await plays.explore({
        setUp: () => plays.pool({ ready: 1 }),
        sessions: { ann: plays.claimBy(0), pass: plays.pass, again: plays.pass },
        through: [...BUDGET, ...AROUND_A_CLAIM],
        check: async (world, { given }) => {
          expect(given['ann']).toBe('hit');
          expect(await plays.countLiving(world.pool)).toBeLessThanOrEqual(1);
          await atOnce(plays, plays.pass, world);
          expect(await plays.countLiving(world.pool)).toBe(1);
        },
      });
    });
  });
});
