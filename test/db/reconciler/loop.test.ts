// The reconciler as a service: the periodic pass, notices, timers, replicas.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { createKit } from '../../../src/base/kit.ts';
import { silentLog, type Log } from '../../../src/base/log.ts';
import type { PoolId } from '../../../src/base/id.ts';
import type { ReconcilerOptions } from '../../../src/reconciler/options.ts';
import { createReconciler, type Reconciler } from '../../../src/reconciler/reconciler.ts';
import type { Database } from '../../../src/store/database.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { somebodyWaits } from '../../support/held-turn.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { nothingFirst } from '../../support/precedence.ts';
import { countLive, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { nobodyWaits } from '../../support/reconcile.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let services: { stop(cause: string, deadlineMs: number): Promise<unknown> }[];

beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  services = [];
  pool = await newPool(3);
});
afterEach(async () => {
  for (const service of services.reverse()) await service.stop('test', 5_000);
  await store.close();
});

async function newPool(desired: number): Promise<TestPool> {
  const organizationId = await make.organization();
  return make.pool(await make.template({ organizationId }), { desired });
}

interface Replica {
  readonly reconciler: Reconciler;
  readonly bus: NoticeBus;
}

interface ReplicaOptions extends Partial<ReconcilerOptions> {
  readonly database?: Database;
  readonly log?: Log;
  /** Every notice is lost. */
  readonly deaf?: boolean;
  readonly clock?: Clock;
}

async function startReplica(given: ReplicaOptions = {}): Promise<Replica> {
  const { database = store.database, log = silentLog, deaf = false, clock, ...options } = given;
  const kit = { ...createKit(log), ...(clock === undefined ? {} : { clock }) };
  const bus = createNoticeBus({ ...kit, database });
  const heard = deaf ? { subscribe: () => () => undefined } : bus;
  const reconciler = createReconciler(
    kit,
    { database, bus: heard, serveWaiters: nobodyWaits, precedence: nothingFirst },
    { ...RECONCILER_OPTIONS, ...options },
  );
  if (!deaf) {
    await bus.start();
    services.push(bus);
  }
  await reconciler.start();
  services.push(reconciler);
  return { reconciler, bus };
}

const liveOf = (id: PoolId) => countLive(store, id);
const eventually = (id: PoolId, live: Readonly<Record<string, number>>) =>
  expect.poll(() => liveOf(id), { interval: 10 }).toEqual(live);

/** Until it has ended, which is later than that what it did can be seen: a pass that is asked for joins it. */
async function firstPass(reconciler: Reconciler): Promise<void> {
  await reconciler.pass();
  expect(await liveOf(pool.poolId)).toEqual({ 'start pending': 3 });
}

describe('the periodic pass', () => {
  it('runs at once after a start', async () => {
    await startReplica({ deaf: true });
    await eventually(pool.poolId, { 'start pending': 3 });
  });

  it('says what it saw and did, and changes nothing the eighth time', async () => {
    const { reconciler } = await startReplica({ deaf: true });
    await firstPass(reconciler);
    const other = await newPool(2);
    expect(await reconciler.pass()).toMatchObject({
      kind: 'completed',
      presets: 2,
      reconciled: 1,
      actions: 2,
      failedPools: 0,
    });
    for (let turn = 0; turn < 8; turn++) {
      expect(await reconciler.pass()).toMatchObject({ reconciled: 0, actions: 0 });
    }
    expect(await liveOf(other.poolId)).toEqual({ 'start pending': 2 });
  });

  it.each([
    ['there are no presets', 'delete from presets'],
    ['no preset has a pool', 'update presets set desired_instances = null, pool_id = null'],
  ])('has nothing to do where %s', async (_, change) => {
    await store.sql(change);
    const { reconciler } = await startReplica({ deaf: true });
    expect(await reconciler.pass()).toMatchObject({
      ...{ kind: 'completed', presets: 0, reconciled: 0, actions: 0, failedPools: 0 },
    });
    expect(await store.sql('select from workspaces')).toEqual([]);
  });

  it('fills the pools of many templates at once', async () => {
    const pools = [pool];
    for (let n = 0; n < 30; n++) pools.push(await newPool(1 + (n % 3)));
    const { reconciler } = await startReplica({ deaf: true });
    expect(await reconciler.pass()).toMatchObject({ kind: 'completed', presets: 31 });
    for (const [n, { poolId }] of pools.slice(1).entries()) {
      expect(await liveOf(poolId)).toEqual({ 'start pending': 1 + (n % 3) });
    }
    expect(await reconciler.pass()).toMatchObject({ reconciled: 0, actions: 0 });
  });

  it('finds a preset that was added since the last one', async () => {
    const clock = createManualClock();
    const { reconciler } = await startReplica({ deaf: true, clock });
    await firstPass(reconciler);
    const added = await newPool(2);
    await clock.advance(RECONCILER_OPTIONS.intervalMs);
    await eventually(added.poolId, { 'start pending': 2 });
    expect(await liveOf(pool.poolId)).toEqual({ 'start pending': 3 });
  });

  it.each([0, -1])('runs every five minutes where the interval is %i', async (intervalMs) => {
    const manual = createManualClock();
    const slept: number[] = [];
    const clock: Clock = {
      ...manual,
      sleep: (ms, signal) => {
        slept.push(ms);
        return manual.sleep(ms, signal);
      },
    };
    const { reconciler } = await startReplica({ deaf: true, clock, intervalMs });
    await firstPass(reconciler);
    await expect.poll(() => slept).toContain(300_000);
    const added = await newPool(2);
    await manual.advance(300_000);
    await eventually(added.poolId, { 'start pending': 2 });
  });

  it('never runs twice at once', async () => {
    const { reconciler } = await startReplica({ deaf: true });
    const [first, second] = [reconciler.pass(), reconciler.pass()];
    expect(await first).toBe(await second);
  });

  it('brings everything to its target although every notice is lost', async () => {
    const { reconciler } = await startReplica({ deaf: true });
    await firstPass(reconciler);
    await builder.buildAll();
    await store.sql('update presets set desired_instances = 1 where id = $1', [pool.presetId]);
    await reconciler.pass();
    await builder.buildAll();
    await store.sql('update presets set desired_instances = 2 where id = $1', [pool.presetId]);
    await reconciler.pass();
    await builder.buildAll();
    expect(await liveOf(pool.poolId)).toEqual({ 'start succeeded': 2 });
  });

  it('does nothing while everything is paused, and fails on settings that cannot be read', async () => {
    await store.sql(`insert into settings values ('prebuilds', '{"reconciliation_paused": true}')`);
    const { reconciler } = await startReplica({ deaf: true });
    expect(await reconciler.pass()).toEqual({ kind: 'paused' });
    await store.sql(`update settings set value = '[]'`);
    await expect(reconciler.pass()).rejects.toMatchObject({ code: 'SETTINGS_UNREADABLE' });
    expect(await liveOf(pool.poolId)).toEqual({});
  });

  it('makes the system user a member of every organization with pools', async () => {
    const members = () =>
      store.sql(
        `select count(*)::int as count from memberships m join users u on u.id = m.user_id
         where u.is_system`,
      );
    await newPool(0);
    const { reconciler } = await startReplica({ deaf: true });
    await reconciler.pass();
    expect(await members()).toEqual([{ count: 2 }]);
  });

  it('leaves out the organization whose membership cannot be made, and goes on', async () => {
    await store.sql(`
      create function refuse() returns trigger language plpgsql as $$
        begin raise exception 'no groups today'; end $$`);
    await store.sql(
      `create trigger refuse before insert on groups for each row
       when (new.organization_id = '${pool.organizationId}') execute function refuse()`,
    );
    const other = await newPool(2);
    const warned: unknown[] = [];
    const log: Log = {
      ...silentLog,
      warn: (event, fields) => void warned.push({ event, ...fields }),
      child: () => log,
    };
    const clock = createManualClock();
    const { reconciler } = await startReplica({ deaf: true, log, clock });
    const organization = pool.organizationId;
    expect(await reconciler.pass()).toMatchObject({
      kind: 'completed',
      failedOrganizations: [{ organization, error: { message: 'no groups today' } }],
    });
    await clock.advance(RECONCILER_OPTIONS.intervalMs);
    await reconciler.pass();
    expect(warned).toEqual([
      {
        event: 'pass.troubled',
        hardLimited: [],
        validationFailed: [],
        failedOrganizations: [{ organization, reason: 'no groups today' }],
      },
    ]);
    expect(await liveOf(pool.poolId)).toEqual({});
    expect(await liveOf(other.poolId)).toEqual({ 'start pending': 2 });
  });

  it('goes on with the nine other pools when one fails', async () => {
    const others: TestPool[] = [];
    while (others.length < 9) others.push(await newPool(1));
    // A number that no build has any more: whatever the pool tries, the database refuses.
    await store.sql(`
      create function refuse() returns trigger language plpgsql as $$
        begin raise exception 'broken pool'; end $$`);
    await store.sql(
      `create trigger refuse before insert on workspaces for each row
       when (new.pool_id = '${pool.poolId}') execute function refuse()`,
    );
    const { reconciler } = await startReplica({ deaf: true });
    expect(await reconciler.pass()).toMatchObject({ kind: 'completed', failedPools: 1 });
    for (const { poolId } of others) expect(await liveOf(poolId)).toEqual({ 'start pending': 1 });
    expect(await liveOf(pool.poolId)).toEqual({});
  });

  it('goes on with the other pools when one cannot even be decided', async () => {
    const other = await newPool(2);
    await store.sql(`update presets set schedules = '[{"cron": 5}]' where id = $1`, [
      pool.presetId,
    ]);
    const { reconciler } = await startReplica({ deaf: true });
    expect(await reconciler.pass()).toMatchObject({ kind: 'completed', failedPools: 1 });
    expect(await liveOf(other.poolId)).toEqual({ 'start pending': 2 });
  });
});

describe('a notice', () => {
  it('of a job that ended fills the pool again without a pass', async () => {
    await startReplica();
    await eventually(pool.poolId, { 'start pending': 3 });
    const [taken] = await builder.take({ limit: 1 });
    // No fault of the template, so nothing has to be waited for.
    await builder.finish(taken!.jobId, { outcome: 'failed', error: 'hung', errorCode: 'hung' });
    await eventually(pool.poolId, { 'start failed': 1, 'start pending': 3 });
  });

  it('is acted on by the replica that hears it, whoever leads', async () => {
    await startReplica({ deaf: true });
    await eventually(pool.poolId, { 'start pending': 3 });
    const database = store.open();
    const follower = await startReplica({ database });
    expect(await follower.reconciler.pass()).toEqual({ kind: 'not_leading' });
    await store.sql('update presets set desired_instances = 5 where id = $1', [pool.presetId]);
    database.announce([{ kind: 'pool', poolId: pool.poolId }]);
    await eventually(pool.poolId, { 'start pending': 5 });
  });
});

describe('a moment at which something falls due', () => {
  it('is met without a notice and without a pass', async () => {
    await store.sql('update presets set ttl_seconds = 60 where id = $1', [pool.presetId]);
    const clock = createManualClock();
    const { reconciler } = await startReplica({ deaf: true, clock });
    await firstPass(reconciler);
    await builder.buildAll();
    // As far from the end of their time as from the next pass, however long this takes.
    await store.advanceClock(30_000);
    expect(await reconciler.pass()).toMatchObject({ actions: 0 });
    await store.advanceClock(30_000);
    await clock.advance(30_000);
    await eventually(pool.poolId, { 'delete pending': 3, 'start pending': 3 });
  });
});

describe('two replicas', () => {
  it('have one leader, and the other takes over at once when it stops', async () => {
    const leader = await startReplica();
    await eventually(pool.poolId, { 'start pending': 3 });
    const other = await startReplica({ database: store.open() });
    expect(await other.reconciler.pass()).toEqual({ kind: 'not_leading' });
    await leader.reconciler.stop('test', 5_000);
    // Changed in silence: only a pass can see it.
    await store.sql('update presets set desired_instances = 4 where id = $1', [pool.presetId]);
    await expect.poll(async () => (await other.reconciler.pass()).kind).toBe('completed');
    await eventually(pool.poolId, { 'start pending': 4 });
  });

  it('replace a leader that shows no sign', async () => {
    // Its clock stands still, so that it renews nothing.
    await startReplica({ deaf: true, clock: createManualClock() });
    await eventually(pool.poolId, { 'start pending': 3 });
    const other = await startReplica({ database: store.open(), deaf: true });
    expect(await other.reconciler.pass()).toEqual({ kind: 'not_leading' });
    await store.sql(`update leases set expires_at = clock_timestamp() - interval '1 ms'`);
    expect(await other.reconciler.pass()).toMatchObject({ kind: 'completed' });
  });
});

describe('five reconcilers', () => {
  it('that all look at once, and lead in turn, make what one would have made', async () => {
    const replicas: Replica[] = [];
    while (replicas.length < 5) {
      replicas.push(await startReplica({ database: store.open(3), deaf: true }));
    }
    for (const desired of [4, 1, 6, 0, 5, 2, 7, 3]) {
      await store.sql('update presets set desired_instances = $2 where id = $1', [
        pool.presetId,
        desired,
      ]);
      await store.sql(`update leases set expires_at = clock_timestamp() - interval '1 ms'`);
      const results = await Promise.all(
        replicas.flatMap(({ reconciler }) => [
          reconciler.pass(),
          reconciler.reconcile(pool.poolId),
        ]),
      );
      expect(results.map(({ kind }) => kind)).toContain('completed');
      expect(results.map(({ kind }) => kind)).not.toContain('failed');
      expect((await liveOf(pool.poolId))['start pending'] ?? 0).toBe(desired);
    }
    const made = await store.sql<{ count: number }>(
      'select count(*)::int as count from workspaces where pool_id = $1',
      [pool.poolId],
    );
    // What each growth was short of, and nothing twice.
    expect(made).toEqual([{ count: 4 + 5 + 5 + 5 }]);
  });
});

describe('starting and stopping', () => {
  it('gives the leadership to another replica at once, although a turn hangs', async () => {
    const holder = await store.database.connect();
    await holder.query('begin');
    await holder.query('select from pools where id = $1 for update', [pool.poolId]);
    const { reconciler } = await startReplica({ deaf: true, database: store.open() });
    await somebodyWaits(store);
    const stopped = reconciler.stop('test', 60_000);
    await expect
      .poll(() => store.sql('select from leases where expires_at > clock_timestamp()'))
      .toEqual([]);
    await holder.query('rollback');
    expect(await stopped).toBe('stopped');
    await holder.end();
  });

  it('may happen in any order and any number of times', async () => {
    const kit = createKit(silentLog);
    const bus = { subscribe: () => () => undefined };
    const deps = {
      database: store.database,
      bus,
      serveWaiters: nobodyWaits,
      precedence: nothingFirst,
    };
    const unstarted = createReconciler(kit, deps, RECONCILER_OPTIONS);
    expect(await unstarted.stop('test', 1_000)).toBe('stopped');
    await unstarted.start();
    expect(await unstarted.reconcile(pool.poolId)).toEqual({ kind: 'stopped' });

    const { reconciler } = await startReplica({ deaf: true });
    await reconciler.start();
    await eventually(pool.poolId, { 'start pending': 3 });
    expect(await Promise.all([reconciler.stop('a', 5_000), reconciler.stop('b', 5_000)])).toEqual([
      'stopped',
      'stopped',
    ]);
    expect(await reconciler.stop('c', 5_000)).toBe('stopped');
    expect(await reconciler.pass()).toEqual({ kind: 'stopped' });
  });

  it('says when the deadline came first, and ends what it waited for all the same', async () => {
    const session = await store.database.connect();
    await session.query('begin');
    await session.query('select from pools where id = $1 for update', [pool.poolId]);
    const clock = createManualClock();
    const { reconciler } = await startReplica({ deaf: true, clock });
    await somebodyWaits(store);
    const stopping = reconciler.stop('an upgrade', 1_000);
    await clock.advance(1_000);
    expect(await stopping).toBe('deadline');
    await session.query('rollback');
    await session.end();
    expect(await reconciler.stop('again', 5_000)).toBe('stopped');
    // Its turn had begun, and nothing begins any more.
    expect(await liveOf(pool.poolId)).toEqual({ 'start pending': 3 });
    expect(await reconciler.pass()).toEqual({ kind: 'stopped' });
  });
});
