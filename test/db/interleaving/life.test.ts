// A workspace whose time is up, and what its owner does at the same moment, in every order of their statements.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import type { Transition } from '../../../src/domain/job/job.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { changeLife } from '../../../src/workspaces/life/change-life.ts';
import { keepLives } from '../../../src/workspaces/life/keep-lives.ts';
import { createBuilder, SUCCEEDED } from '../../support/builder.ts';
import { isBefore, type Play } from '../../support/interleave.ts';
import { readLife } from '../../support/life.ts';
import { atOnce, openPlays, type Plays, type World } from '../../support/plays.ts';

interface Claimed extends World {
  readonly id: WorkspaceId;
}

let plays: Plays;

beforeAll(async () => {
  plays = await openPlays();
});
afterAll(() => plays[Symbol.asyncDispose]());

/** What is read without a lock counts for nothing, and what is behind one meets nobody. */
const BESIDE_THE_LOCK = [
  ...['life.find_due', 'build.find_latest', 'life.set_due', 'life.set', 'life.count_failed_tries'],
];

/** A time to live that is over. */
const setUp = async (): Promise<Claimed> => {
  const world = await plays.pool({ ready: 1, claim: 'instant' });
  await atOnce(plays, plays.claimBy(0), world);
  const [row] = await plays.store.sql<{ id: WorkspaceId }>(
    `update workspaces
     set ttl_seconds = 60, deadline_at = standby_now(), due_at = standby_now()
     where owner_id = $1
     returning id`,
    [world.users[0]],
  );
  return { ...world, id: row!.id };
};

const look: Play<unknown> = async (database) => {
  const { kit, keyring } = plays.store;
  await keepLives({ ...kit, database, keyring }, new AbortController().signal);
  return 'looked';
};

const asks =
  (transition: Transition): Play<Claimed> =>
  async (database, { id, users }) => {
    const requester = { userId: users[0]!, isAdmin: false };
    await changeWorkspace({ ...plays.store.kit, database }, requester, { id, transition });
    return transition;
  };

const extends2h: Play<Claimed> = async (database, { id, users }) => {
  const requester = { userId: users[0]!, isAdmin: false };
  const deadlineAt = plays.store.kit.clock.now() + 7_200_000;
  await changeLife({ ...plays.store.kit, database }, requester, { id, deadlineAt });
  return 'extended';
};

const neverStarts: Play<Claimed> = async (database, { id, users }) => {
  const requester = { userId: users[0]!, isAdmin: false };
  await changeLife({ ...plays.store.kit, database }, requester, { id, autostart: null });
  return 'taken away';
};

/** Whoever was passed over, or has changed what is due, is looked at later. */
const lookAgain = (world: Claimed): Promise<unknown> => atOnce(plays, look, world);

const buildsOf = async (id: WorkspaceId) => (await readLife(plays.store, id)).builds.slice(1);

describe('a workspace whose time is up', () => {
  it('is stopped by one of two who look', async () => {
    const explored = await plays.explore<Claimed>({
      setUp,
      sessions: { one: look, other: look },
      through: ['build.find_latest', 'life.set_due'],
      check: async ({ id }) => expect(await buildsOf(id)).toEqual(['stop pending deadline']),
    });
    expect(explored.orders).toBeGreaterThan(2);
  });

  it.each(['stop', 'delete'] as const)(
    'and a %s by its owner are one build',
    async (transition) => {
      const explored = await plays.explore<Claimed>({
        setUp,
        sessions: { owner: asks(transition), executor: look },
        through: BESIDE_THE_LOCK,
        check: async (world, { given }) => {
          const { id } = world;
          await lookAgain(world);
          const builds = await buildsOf(id);
          expect(builds).toHaveLength(1);
          const isOwners = builds[0] === `${transition} pending ${transition}`;
          if (transition === 'delete') expect(given['owner'] === 'delete').toBe(isOwners);
        },
      });
      expect(explored.endings).toEqual(
        transition === 'stop'
          ? ['owner: stop, executor: looked']
          : ['owner: BUILD_IN_PROGRESS, executor: looked', 'owner: delete, executor: looked'],
      );
    },
  );

  it('and its extension: it runs on, or is stopped and has been extended too late', async () => {
    const explored = await plays.explore<Claimed>({
      setUp,
      sessions: { owner: extends2h, executor: look },
      through: BESIDE_THE_LOCK,
      check: async (world, ended) => {
        const { id } = world;
        await lookAgain(world);
        const life = await readLife(plays.store, id);
        const isLate = isBefore(ended, ['executor', 'life.lock_due'], ['owner', 'life.lock']);
        expect(life.builds.length > 1).toBe(isLate);
        expect(life.dueAt).toEqual(isLate ? null : life.deadlineAt);
      },
    });
    expect(explored.endings).toEqual(['owner: extended, executor: looked']);
  });

  it('and the end of a build: whoever comes second looks again', async () => {
    const builder = createBuilder(plays.store);
    const explored = await plays.explore<Claimed>({
      setUp: async () => {
        const world = await setUp();
        await atOnce(plays, asks('stop'), world);
        await builder.take();
        return world;
      },
      sessions: {
        daemon: async (database, { id }) => {
          const [job] = await plays.store.sql<{ job_id: Parameters<typeof builder.finish>[0] }>(
            'select job_id from builds where workspace_id = $1 and number = 2',
            [id],
          );
          await createBuilder({ ...plays.store, database }).finish(job!.job_id, SUCCEEDED);
          return 'told';
        },
        executor: look,
      },
      check: async (world) => {
        const { id } = world;
        await lookAgain(world);
        // Nothing is left to be done, and whoever looks finds that out.
        expect(await readLife(plays.store, id)).toMatchObject({ deadlineAt: null, dueAt: null });
        expect(await buildsOf(id)).toEqual(['stop succeeded stop']);
      },
    });
    expect(explored.endings).toEqual(['daemon: told, executor: looked']);
  });
});

describe('a workspace whose schedule says so', () => {
  /** Its start is due, and the next one is far. */
  const isDue = async (world: Claimed): Promise<Claimed> => {
    await plays.store.sql(
      `update workspaces
       set ttl_seconds = null, deadline_at = null, due_at = standby_now(),
         next_start_at = standby_now(), autostart_schedule = $2, autostart_timezone = 'UTC'
       where id = $1`,
      [world.id, `0 0 ${new Date(plays.store.kit.clock.now() - 86_400_000).getUTCDate()} * *`],
    );
    return world;
  };
  const startsOf = async (id: WorkspaceId) =>
    (await buildsOf(id)).filter((build) => build.endsWith('autostart')).length;

  it('and a stop by its owner: it stays stopped', async () => {
    const builder = createBuilder(plays.store);
    const explored = await plays.explore<Claimed>({
      setUp: async () => isDue(await setUp()),
      sessions: { owner: asks('stop'), executor: look },
      through: BESIDE_THE_LOCK,
      check: async (world) => {
        await builder.buildAll();
        await lookAgain(world);
        expect(await buildsOf(world.id)).toEqual(['stop succeeded stop']);
      },
    });
    expect(explored.endings).toEqual(['owner: stop, executor: looked']);
  });

  it('and the end of its schedule: it is started before that or never', async () => {
    const builder = createBuilder(plays.store);
    const explored = await plays.explore<Claimed>({
      setUp: async () => {
        const world = await setUp();
        await atOnce(plays, asks('stop'), world);
        await builder.buildAll();
        return isDue(world);
      },
      sessions: { owner: neverStarts, executor: look },
      through: BESIDE_THE_LOCK,
      check: async (world, ended) => {
        await lookAgain(world);
        const isLate = isBefore(ended, ['executor', 'life.lock_due'], ['owner', 'life.lock']);
        expect(await startsOf(world.id)).toBe(isLate ? 1 : 0);
        await builder.buildAll();
      },
    });
    expect(explored.endings).toEqual(['owner: taken away, executor: looked']);
  });
});
