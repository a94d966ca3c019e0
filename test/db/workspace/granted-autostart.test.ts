// A schedule that whoever asks for a workspace brings, however the workspace comes to them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import {
  look,
  openLifeGround,
  readLife,
  stopClock,
  type StoppedClock,
} from '../../support/life.ts';
import { openLine } from '../../support/line.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
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

const MONDAY = Date.parse('2026-05-04T12:00Z');
const TUESDAY_AT_NINE = Date.parse('2026-05-05T07:00Z');
const autostart = { cron: '0 9 * * *', timezone: 'Europe/Berlin' };

const scheduleOf = async (id: WorkspaceId): Promise<unknown> => {
  const [row] = await store.sql(
    `select autostart_schedule as cron, autostart_timezone as timezone, next_start_at
     from workspaces where id = $1`,
    [id],
  );
  return row;
};
const SCHEDULED = { ...autostart, next_start_at: TUESDAY_AT_NINE };

it('is that of a prebuilt one from the claim on, which is started by it', async () => {
  await clock.set(MONDAY);
  const { pool, ask, change } = await openLifeGround(store, make, { claim: 'instant' });
  await makeReady(store, make, { pool, count: 2 });
  // The second is claimed by what the first has left in memory.
  for (const name of ['one', 'two']) {
    const { workspaceId: id, claimed } = await ask({ name, autostart });
    expect(claimed).toBe(true);
    expect(await scheduleOf(id)).toEqual(SCHEDULED);
    await change(id, 'stop');
    await builder.buildAll();
    await look(store);
    await clock.set(TUESDAY_AT_NINE);
    await look(store);
    expect((await readLife(store, id)).builds.at(-1)).toMatch(/autostart$/);
    await builder.buildAll();
    await clock.set(MONDAY);
  }
});

it('is that of one which is built, as it is of one that is served from the line', async () => {
  await clock.set(MONDAY);
  const { ask } = await openLifeGround(store, make, {});
  expect(await scheduleOf((await ask({ autostart })).workspaceId)).toEqual(SCHEDULED);

  const line = await openLine({ store, make });
  const waiterId = await line.wait({ autostart });
  const [id] = await line.ready(1);
  await line.turn();
  expect(await line.look(waiterId)).toMatchObject({ outcome: 'served', workspace_id: id });
  expect(await scheduleOf(id!)).toEqual(SCHEDULED);
});

it('is refused before anything is taken or begun, where it is none', async () => {
  const { pool, ask } = await openLifeGround(store, make, { claim: 'instant' });
  await makeReady(store, make, { pool, count: 1 });
  for (const [cron, timezone, code] of [
    ['0 9 * *', 'UTC', 'SCHEDULE_INVALID'],
    ['* * * * *', 'UTC', 'SCHEDULE_INVALID'],
    ['0 9 30 2 *', 'UTC', 'SCHEDULE_NEVER_MATCHES'],
    ['0 9 * * *', 'Nowhere', 'TIMEZONE_UNKNOWN'],
  ] as const) {
    await expect(ask({ autostart: { cron, timezone } })).rejects.toMatchObject({ code });
  }
  expect(
    await store.sql('select from pool_members where pool_id = $1', [pool.poolId]),
  ).toHaveLength(1);
});

it('makes another request of one with another key', async () => {
  const { ask } = await openLifeGround(store, make, {});
  const request = { name: 'same', idempotencyKey: 'schedule', autostart };
  const { workspaceId } = await ask(request);
  expect((await ask(request)).workspaceId).toBe(workspaceId);
  const other = { ...autostart, timezone: 'UTC' };
  await expect(ask({ ...request, autostart: other })).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  });
});
