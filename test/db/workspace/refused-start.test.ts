// Starts by schedule that are refused, and what happens to the workspace in that moment, on a database whose clock is
// set.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { changeLife } from '../../../src/workspaces/life/change-life.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import {
  look,
  openLifeGround,
  readLife,
  stopClock,
  type LifeGround,
  type StoppedClock,
} from '../../support/life.ts';
import { allow, forbid, readRefused } from '../../support/refused-start.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const DAY_MS = 86_400_000;

let store: TestStore;
let make: Factory;
let builder: Builder;
let clock: StoppedClock;
let midnight = Date.parse('2026-07-01T00:00Z');
let ground: LifeGround;
/** Stopped; it is to start at nine, which its owner may not. */
let id: WorkspaceId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  clock = await stopClock(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  midnight += DAY_MS;
  await clock.set(midnight);
  ground = await openLifeGround(store, make, {});
  id = (await ground.ask()).workspaceId;
  await builder.buildAll();
  await startAt('0 9 * * *');
  await ground.change(id, 'stop');
  await builder.buildAll();
  await forbid(store, id);
  await clock.set(at(9));
});

const at = (hour: number) => midnight + hour * 3_600_000;

const startAt = async (cron: string): Promise<void> => {
  const deps = { ...store.kit, database: store.database };
  const autostart = { cron, timezone: 'UTC' };
  await changeLife(deps, { userId: ground.ann, isAdmin: false }, { id, autostart });
};

/** The database of a replica, on which this happens right after its first transaction, which decides. */
function withAfterDeciding(happens: () => Promise<void>): Database {
  const { database } = store;
  let isDecided = false;
  const transaction: Database['transaction'] = async (work, options) => {
    const given = await Promise.allSettled([database.transaction(work, options)]);
    if (!isDecided) await happens();
    isDecided = true;
    if (given[0].status === 'rejected') throw given[0].reason;
    return given[0].value;
  };
  return { ...database, transaction };
}

describe('a start by schedule that is refused', () => {
  it('is not shown where somebody starts it in that moment', async () => {
    const starting = async (): Promise<void> => {
      await allow(store, { id, ann: ground.ann });
      await ground.change(id, 'start');
      await clock.set(at(9) + 1);
    };
    await look(store, withAfterDeciding(starting));
    await builder.buildAll();
    await clock.set(at(12));
    await look(store);
    expect((await readLife(store, id)).builds.at(-1)).toBe('start succeeded start');
    expect(await readRefused(store, id)).toBeNull();
  });

  it('is not shown where its owner changes the schedule in that moment, which holds', async () => {
    const changing = async (): Promise<void> => {
      await startAt('0 18 * * *');
      await clock.set(at(9) + 1);
    };
    await look(store, withAfterDeciding(changing));
    await look(store);
    expect(await readRefused(store, id)).toBeNull();
    expect((await readLife(store, id)).dueAt).toBe(at(18));
  });

  it('is not shown while it is dormant', async () => {
    await look(store);
    expect(await readRefused(store, id)).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    await store.sql('update workspaces set dormant_at = standby_now() where id = $1', [id]);
    expect(await readRefused(store, id)).toBeNull();
  });

  it('is shown with no more than what is told of it', async () => {
    await look(store);
    const shown = await readRefused(store, id);
    await store.sql(
      `update workspaces set start_refusal = start_refusal || '{"at": "never", "more": 1}'
       where id = $1`,
      [id],
    );
    expect(await readRefused(store, id)).toEqual(shown);
  });
});

it('a workspace that cannot be looked at is put off', async () => {
  const errors: string[] = [];
  const log = { ...store.kit.log, error: (event: string) => void errors.push(event) };
  const transaction = () => Promise.reject(new Error('it cannot be read'));
  await look({ ...store, kit: { ...store.kit, log } }, { ...store.database, transaction });
  expect(errors).toContain('life.step_failed');
  expect(await readRefused(store, id)).toBeNull();
  expect((await readLife(store, id)).dueAt).toBe(at(9) + 60_000);
});
