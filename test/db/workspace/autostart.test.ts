// Starts by schedule, through changes of daylight-saving time, on a database whose clock is set.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { changeLife } from '../../../src/workspaces/life/change-life.ts';
import { createBuilder, FAILED, type Builder } from '../../support/builder.ts';
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

let store: TestStore;
let make: Factory;
let builder: Builder;
let clock: StoppedClock;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  clock = await stopClock(store);
});
afterAll(() => store.close());

interface Made extends LifeGround {
  readonly id: WorkspaceId;
}

/** Runs since `at`. */
async function makeAt(at: string): Promise<Made> {
  await clock.set(Date.parse(at));
  const ground = await openLifeGround(store, make, {});
  const { workspaceId: id } = await ground.ask();
  await builder.buildAll();
  return { ...ground, id };
}

const autostartOf = async ({ id, ann }: Made, cron: string | null, timezone = 'Europe/Berlin') => {
  const autostart = cron === null ? null : { cron, timezone };
  const deps = { ...store.kit, database: store.database };
  await changeLife(deps, { userId: ann, isAdmin: false }, { id, autostart });
};

const lookAt = async (at: string): Promise<void> => {
  await clock.set(Date.parse(at));
  await look(store);
};

const stop = async ({ id, change }: Made): Promise<void> => {
  await change(id, 'stop');
  await builder.buildAll();
};

const startsOf = async ({ id }: Made) => {
  const { builds } = await readLife(store, id);
  return builds.filter((build) => build.endsWith('autostart')).length;
};

describe('a workspace with a schedule', () => {
  it.each([
    // At nine by the wall: an hour earlier in UTC from the change in spring on, an hour later in autumn.
    ['spring', '2026-03-28T12:00Z', '2026-03-29T06:59:59.999Z', '2026-03-29T07:00Z'],
    ['autumn', '2026-10-24T12:00Z', '2026-10-25T07:59:59.999Z', '2026-10-25T08:00Z'],
  ])('starts at nine by the wall clock in %s', async (_season, made, before, nine) => {
    const workspace = await makeAt(made);
    await autostartOf(workspace, '0 9 * * *');
    await stop(workspace);
    await lookAt(before);
    expect(await startsOf(workspace)).toBe(0);
    await lookAt(nine);
    await look(store);
    expect(await startsOf(workspace)).toBe(1);
    await builder.buildAll();
  });

  it('has no start at a time that the clock skips, and two at one that it shows twice', async () => {
    const spring = await makeAt('2026-03-28T12:00Z');
    await autostartOf(spring, '30 2 * * *');
    await stop(spring);
    // Wherever a wrong start would lie, a look comes in time for it.
    for (const at of ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z']) {
      await lookAt(at);
      expect(await startsOf(spring)).toBe(0);
    }
    await autostartOf(spring, null);

    const autumn = await makeAt('2026-10-24T12:00Z');
    await autostartOf(autumn, '30 2 * * *');
    for (const at of ['2026-10-25T00:30Z', '2026-10-25T01:30Z']) {
      await stop(autumn);
      await lookAt(at);
      await builder.buildAll();
    }
    expect(await startsOf(autumn)).toBe(2);
  });

  it('is not started where it runs, nor for what was missed by more than an hour', async () => {
    const workspace = await makeAt('2026-05-04T00:00Z');
    await autostartOf(workspace, '0 9 * * *', 'UTC');
    await lookAt('2026-05-04T09:00Z');
    await stop(workspace);
    await lookAt('2026-05-05T10:00:00.001Z');
    expect(await startsOf(workspace)).toBe(0);
    await lookAt('2026-05-06T10:00Z');
    expect(await startsOf(workspace)).toBe(1);
    await builder.buildAll(FAILED);
    await look(store);
    expect(await startsOf(workspace)).toBe(1);
    await lookAt('2026-05-07T09:00Z');
    expect(await startsOf(workspace)).toBe(2);
    await builder.buildAll();
  });

  it('is not started while its owner may not spend so much, and is once they may', async () => {
    const workspace = await makeAt('2026-06-01T00:00Z');
    await autostartOf(workspace, '0 9 * * *', 'UTC');
    await stop(workspace);
    await forbid(store, workspace.id);
    await lookAt('2026-06-01T09:00Z');
    expect(await startsOf(workspace)).toBe(0);
    const { dueAt } = await readLife(store, workspace.id);
    expect(dueAt).toBe(Date.parse('2026-06-01T09:01Z'));
    await allow(store, workspace);
    await lookAt('2026-06-01T09:02Z');
    expect(await startsOf(workspace)).toBe(1);
    await builder.buildAll();
  });

  it('shows why it could not be started, and what to do, until it is started', async () => {
    const workspace = await makeAt('2026-06-02T00:00Z');
    await autostartOf(workspace, '0 9 * * *', 'UTC');
    await stop(workspace);
    await forbid(store, workspace.id);
    expect(await readRefused(store, workspace.id)).toBeNull();
    await lookAt('2026-06-02T09:00Z');
    const refused = {
      at: '2026-06-02T09:00:00.000Z',
      code: 'QUOTA_EXCEEDED',
      detail: expect.stringContaining('this would cost 24.00 a day') as unknown,
      hint: expect.stringContaining('`standby quota show`') as unknown,
    };
    expect(await readRefused(store, workspace.id)).toEqual(refused);
    await lookAt('2026-06-02T09:01Z');
    expect(await readRefused(store, workspace.id)).toEqual({
      ...refused,
      at: '2026-06-02T09:01:00.000Z',
    });
    // The next time is the next day.
    await lookAt('2026-06-02T10:30Z');
    expect(await readRefused(store, workspace.id)).toEqual({
      ...refused,
      at: '2026-06-02T09:01:00.000Z',
    });
    await allow(store, workspace);
    await lookAt('2026-06-03T09:00Z');
    expect(await startsOf(workspace)).toBe(1);
    expect(await readRefused(store, workspace.id)).toBeNull();
    await builder.buildAll();
    expect(await readRefused(store, workspace.id)).toBeNull();
  });

  it('shows nothing of it any more once its owner has changed its life', async () => {
    const workspace = await makeAt('2026-06-04T00:00Z');
    await autostartOf(workspace, '0 9 * * *', 'UTC');
    await stop(workspace);
    await forbid(store, workspace.id);
    await lookAt('2026-06-04T09:00Z');
    expect(await readRefused(store, workspace.id)).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    await autostartOf(workspace, '0 12 * * *', 'UTC');
    expect(await readRefused(store, workspace.id)).toBeNull();
    await lookAt('2026-06-04T09:02Z');
    expect(await readRefused(store, workspace.id)).toBeNull();
  });

  it('is not started any more once its owner has taken the schedule away', async () => {
    const workspace = await makeAt('2026-05-04T00:00Z');
    await autostartOf(workspace, '0 9 * * *', 'UTC');
    await stop(workspace);
    await autostartOf(workspace, null);
    await lookAt('2026-05-04T09:00Z');
    expect(await startsOf(workspace)).toBe(0);
    expect((await readLife(store, workspace.id)).dueAt).toBeNull();
  });

  it('is not started again where its owner stopped it just after nine, before anybody looked', async () => {
    const workspace = await makeAt('2026-05-04T00:00Z');
    await autostartOf(workspace, '0 9 * * *', 'UTC');
    await clock.set(Date.parse('2026-05-04T09:00:05Z'));
    await stop(workspace);
    await look(store);
    await lookAt('2026-05-04T09:59Z');
    expect(await startsOf(workspace)).toBe(0);
    await lookAt('2026-05-05T09:00Z');
    expect(await startsOf(workspace)).toBe(1);
    await builder.buildAll();
  });

  it('is not started for who is suspended', async () => {
    const workspace = await makeAt('2026-05-04T00:00Z');
    await autostartOf(workspace, '0 9 * * *', 'UTC');
    await stop(workspace);
    await store.sql(`update users set status = 'suspended' where id = $1`, [workspace.ann]);
    await lookAt('2026-05-04T09:00Z');
    expect(await startsOf(workspace)).toBe(0);
  });

  it.each([
    ['0 25 * * *', 'UTC', 'SCHEDULE_INVALID'],
    ['* * * * *', 'UTC', 'SCHEDULE_INVALID'],
    ['0 9 30 2 *', 'UTC', 'SCHEDULE_NEVER_MATCHES'],
    ['0 9 * * *', 'Europe/Nowhere', 'TIMEZONE_UNKNOWN'],
  ])('is refused %s in %s', async (cron, timezone, code) => {
    const workspace = await makeAt('2026-05-04T00:00Z');
    await expect(autostartOf(workspace, cron, timezone)).rejects.toMatchObject({ code });
  });
});
