// What becomes of a workspace that nobody uses, on a database whose clock is moved.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { recordUse } from '../../../src/store/life.ts';
import { changeLife } from '../../../src/workspaces/life/change-life.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import {
  look,
  NO_LIFE,
  openLifeGround,
  readLife,
  stopClock,
  type LifeGround,
  type StoppedClock,
} from '../../support/life.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let store: TestStore;
let make: Factory;
let builder: Builder;
let clock: StoppedClock;
let ground: LifeGround;
let id: WorkspaceId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  clock = await stopClock(store);
});
afterAll(() => store.close());

const life = {
  ...NO_LIFE,
  idle_stop_seconds: 2 * 3_600,
  dormant_after_seconds: 7 * 86_400,
  delete_dormant_after_seconds: 30 * 86_400,
};

/** Stopped after two hours without use, dormant after a week, deleted after a month more. */
beforeEach(async () => {
  ground = await openLifeGround(store, make, { claim: 'instant', life });
  await makeReady(store, make, { pool: ground.pool, count: 1 });
  id = (await ground.ask()).workspaceId;
});

const lastBuild = async () => (await readLife(store, id)).builds.at(-1);
const wake = () =>
  changeLife(
    { ...store.kit, database: store.database },
    { userId: ground.ann, isAdmin: false },
    { id, wakes: true },
  );

/** The executor looks, and daemons do what it began. */
async function liveOn(ms: number): Promise<void> {
  await clock.advance(ms);
  await look(store);
  await builder.buildAll();
  await look(store);
}

describe('a workspace that nobody uses', () => {
  it('is stopped, and runs on for as long as somebody says that it is used', async () => {
    await clock.advance(HOUR);
    await recordUse.run(store.database, { id });
    await liveOn(2 * HOUR - MINUTE);
    expect(await lastBuild()).toBe('start succeeded test');
    await liveOn(MINUTE);
    expect(await lastBuild()).toBe('stop succeeded idle');
  });

  it('costs a write a minute at most, however often it is used', async () => {
    await clock.advance(MINUTE);
    const written = [1, 2, 3].map(() => recordUse.run(store.database, { id }));
    expect((await Promise.all(written)).reduce((sum, rows) => sum + rows)).toBe(1);
    await clock.advance(MINUTE - 1);
    expect(await recordUse.run(store.database, { id })).toBe(0);
    await clock.advance(1);
    expect(await recordUse.run(store.database, { id })).toBe(1);
  });

  it('becomes dormant after a while, is not started then, and is cleaned up in the end', async () => {
    await liveOn(2 * HOUR);
    await liveOn(7 * DAY - 2 * HOUR);
    await expect(ground.change(id, 'start')).rejects.toMatchObject({ code: 'WORKSPACE_DORMANT' });
    await liveOn(30 * DAY - 1);
    expect(await lastBuild()).toBe('stop succeeded idle');
    await liveOn(1);
    expect(await lastBuild()).toBe('delete succeeded dormant_too_long');
  });

  it('that runs when it becomes dormant is stopped', async () => {
    await liveOn(7 * DAY);
    expect(await lastBuild()).toBe('stop succeeded dormant');
  });

  it('lives on when somebody wakes it', async () => {
    await liveOn(7 * DAY);
    await wake();
    await ground.change(id, 'start');
    await builder.buildAll();
    await liveOn(2 * HOUR - 1);
    expect(await lastBuild()).toBe('start succeeded start');
    await liveOn(1);
    expect(await lastBuild()).toBe('stop succeeded idle');
    await liveOn(7 * DAY - 2 * HOUR - 1);
    await ground.change(id, 'start');
    await builder.buildAll();
  });
});

describe('a prebuild that nobody has claimed', () => {
  it('is neither idle nor dormant', async () => {
    const [unclaimed] = await makeReady(store, make, { pool: ground.pool, count: 1 });
    await liveOn(60 * DAY);
    expect((await readLife(store, unclaimed!)).builds).toEqual(['start succeeded test']);
    expect(await recordUse.run(store.database, { id: unclaimed! })).toBe(0);
    await expect(
      store.sql('update workspaces set idle_stop_seconds = 60 where id = $1', [unclaimed]),
    ).rejects.toMatchObject({ constraint: 'workspaces_unclaimed_rest_check' });
  });
});
