// Waiting in line over HTTP: what is answered when, who may see and cancel it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPoolHandlers } from '../../../src/api/pool/handlers.ts';
import { createWaiterHandlers } from '../../../src/api/waiter/handlers.ts';
import { createWorkspaceHandlers } from '../../../src/api/workspace/handlers.ts';
import { AppError } from '../../../src/base/app-error.ts';
import type { UserId } from '../../../src/base/id.ts';
import type { Precedence } from '../../../src/base/precedence.ts';
import type { Client } from '../../../src/client/client.ts';
import { poolRoutes } from '../../../src/contract/pool/route.ts';
import { waiterRoutes } from '../../../src/contract/waiter/route.ts';
import type { WaiterView } from '../../../src/contract/waiter/schema.ts';
import { workspaceRoutes } from '../../../src/contract/workspace/route.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { tendLines } from '../../../src/workspaces/waiting/end-waiters.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openLine, type Line } from '../../support/line.ts';
import { RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { startStoreApi, type StoreApi } from '../../support/store-api.ts';
import { depsOf, openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let bus: NoticeBus;
let database: CountedDatabase;
let api: StoreApi;
/** How many requests went first, and how many of them do so no more. */
let first: { begun: number; ended: number };
const precedence: Pick<Precedence, 'first'> = {
  first: async (work) => {
    first.begun += 1;
    const done = await work();
    first.ended += 1;
    return done;
  },
};
let line: Line;
let ann: UserId;
let client: Client;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  database = countStatements(store.database);
  bus = createNoticeBus({ ...store.kit, database });
  await bus.start();
  const deps = { ...store.kit, kit: store.kit, database, bus };
  // Nothing is found by polling: that would take an hour.
  const options = {
    ...RECONCILER_OPTIONS,
    pollMs: 3_600_000,
    waitersPerUser: 100,
    claimProofTimeoutMs: 5_000,
  };
  api = await startStoreApi(store, {
    ...createWorkspaceHandlers({ ...deps, keyring: store.keyring, precedence }, options),
    ...createWaiterHandlers(deps, options),
    ...createPoolHandlers(deps, options),
  });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await bus.stop('the test is over', 5_000);
  await store.close();
});
beforeEach(async () => {
  first = { begun: 0, ended: 0 };
  line = await openLine({ store, make });
  ann = await make.user({ organizationId: line.organizationId });
  client = api.as(ann);
});

interface Given {
  readonly on_empty?: 'wait' | 'fail';
  readonly wait_seconds?: number;
  readonly wait_timeout_seconds?: number;
  readonly priority?: number;
  readonly key?: string;
}

const ask = ({ key, ...given }: Given = {}, by = client) => {
  const { organization, template, preset } = line.request();
  return by.call(workspaceRoutes.createWorkspace, {
    params: { organization },
    headers: key === undefined ? {} : { 'idempotency-key': key },
    body: { name: 'demo', template, preset, on_empty: 'wait', ...given },
  });
};
const wait = async (given: Given = {}, by = client): Promise<WaiterView> => {
  const answer = await ask(given, by);
  if (answer.status !== 202) throw new Error('it was served at once');
  return answer.body.waiter;
};
const get = async (id: string, wait_ms = 0, by = client): Promise<WaiterView> =>
  (await by.call(waiterRoutes.getWaiter, { params: { waiter: id }, query: { wait_ms } })).body;
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof AppError ? error.code : error),
  );
const others = (count: number): Promise<readonly Client[]> =>
  Promise.all(
    Array.from({ length: count }, async () =>
      api.as(await make.user({ organizationId: line.organizationId })),
    ),
  );

describe('a request that waits', () => {
  it('is answered at once with its place and why there is no estimate', async () => {
    const answer = await ask({ priority: 3 });
    expect(answer).toMatchObject({
      status: 202,
      body: {
        waiter: { owner: expect.any(String), name: 'demo', priority: 3, state: 'waiting' },
        position: 1,
        eta_seconds: null,
        eta_reason: 'not_building',
      },
    });
    const [second] = await others(1);
    expect((await ask({}, second)).body).toMatchObject({ position: 2 });
  });

  it('is told how long it takes, from what is built and how long that took before', async () => {
    line = await openLine({ store, make }, { desired: 1 });
    await store.sql('insert into memberships values ($1, $2, default, standby_now())', [
      line.organizationId,
      ann,
    ]);
    const before = await make.prebuild(line.pool);
    await store.sql(
      `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
       values ($1, $2, $3, standby_now() - interval '1 minute', standby_now(), false)`,
      [line.pool.poolId, before.workspaceId, line.pool.presetId],
    );
    await store.advanceClock(20_000);
    const { eta_seconds, eta_reason } = await wait();
    expect(eta_reason).toBeNull();
    expect(eta_seconds).toBeGreaterThan(30);
    expect(eta_seconds).toBeLessThanOrEqual(40);
    await store.sql('update pools set paused = true where id = $1', [line.pool.poolId]);
    const { body } = await client.call(waiterRoutes.listWaiters, { query: { state: 'waiting' } });
    expect(body.items).toMatchObject([{ eta_seconds: null, eta_reason: 'paused' }]);
  });

  it('is held back until it is served', async () => {
    const held = ask({ wait_seconds: 600 });
    await expect.poll(async () => (await line.turn(), isInLine())).toBe(true);
    // It goes first until it has its place, and not while it keeps it.
    await expect.poll(() => first).toEqual({ begun: 1, ended: 1 });
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await held).toMatchObject({
      status: 201,
      body: { workspace: { id: workspaceId }, claimed: true, reason: null },
    });
  });

  it('is held back until its deadline, and nothing is left', async () => {
    const held = codeOf(ask({ wait_seconds: 600, wait_timeout_seconds: 300 }));
    await expect.poll(isInLine).toBe(true);
    await store.advanceClock(300_001);
    await tendLines(depsOf(store));
    expect(await held).toBe('WAIT_TIMEOUT');
    expect(await codeOf(ask())).toBe('answered');
  });

  it('is held back no longer when somebody cancels it', async () => {
    const held = codeOf(ask({ wait_seconds: 600 }));
    await expect.poll(isInLine).toBe(true);
    const { body } = await client.call(waiterRoutes.listWaiters, { query: {} });
    await client.call(waiterRoutes.cancelWaiter, { params: { waiter: body.items[0]!.id } });
    expect(await held).toBe('WAIT_CANCELED');
  });

  it('gives by its key the waiter, and then the workspace', async () => {
    const waiter = await wait({ key: 'k' });
    expect(await ask({ key: 'k', wait_seconds: 1 })).toMatchObject({
      status: 202,
      body: { waiter: { id: waiter.id } },
    });
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await ask({ key: 'k' })).toMatchObject({
      status: 201,
      body: { workspace: { id: workspaceId }, claimed: true },
    });
  });
});

const isInLine = async (): Promise<boolean> =>
  (await store.sql('select from waiters where user_id = $1 and ended_at is null', [ann])).length >
  0;

describe('a waiter', () => {
  it('is waited for until it is served', async () => {
    const { id } = await wait();
    const waited = get(id, 60_000);
    const [workspaceId] = await line.ready(1);
    await line.turn();
    expect(await waited).toMatchObject({
      state: 'served',
      workspace_id: workspaceId,
      position: null,
      error_code: null,
    });
    expect(await codeOf(client.call(waiterRoutes.cancelWaiter, { params: { waiter: id } }))).toBe(
      'WAIT_OVER',
    );
  });

  it('tells why it was not served', async () => {
    const { id } = await wait();
    await store.sql('update templates set deleted_at = standby_now() where id = $1', [
      line.pool.templateId,
    ]);
    await line.turn();
    expect(await get(id)).toMatchObject({ state: 'refused', error_code: 'PRESET_GONE' });
  });

  it('is canceled by its owner or an administrator, and is nothing to anybody else', async () => {
    const { id } = await wait();
    const stranger = api.as(await make.user({ organizationId: line.organizationId }));
    const params = { waiter: id };
    expect(await codeOf(get(id, 0, stranger))).toBe('NOT_FOUND');
    expect(await codeOf(stranger.call(waiterRoutes.cancelWaiter, { params }))).toBe('NOT_FOUND');
    expect(await codeOf(stranger.call(waiterRoutes.listWaiters, { query: { owner: 'all' } }))).toBe(
      'FORBIDDEN',
    );
    const admin = api.as(await make.user({ isAdmin: true }), true);
    const { body } = await admin.call(waiterRoutes.cancelWaiter, { params });
    expect(body).toMatchObject({ state: 'canceled', error_code: 'WAIT_CANCELED' });
  });

  it('is listed with its estimate at the cost of one look at its pool', async () => {
    for (let n = 0; n < 3; n++) await line.wait({ userId: ann, name: `demo-${n}` });
    database.take();
    const { body } = await client.call(waiterRoutes.listWaiters, { query: {} });
    expect(body.items.map(({ position }) => position)).toEqual([3, 2, 1]);
    expect(body.items.map(({ eta_reason }) => eta_reason)).not.toContain(null);
    const looks = database.take().statements.filter((name) => name === 'waiter.read_pace');
    expect(looks).toHaveLength(1);
  });

  it('shows on the page of its pool, in the order of the line', async () => {
    const [second] = await others(1);
    await wait();
    await wait({ priority: 1 }, second);
    const { organization, template, preset } = line.request();
    const { body } = await client.call(poolRoutes.getPool, {
      params: { organization, template, preset: preset! },
    });
    expect(body.waiters).toMatchObject([
      { priority: 1, position: 1 },
      { priority: 0, position: 2 },
    ]);
  });
});
