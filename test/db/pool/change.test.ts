// What operators do to one pool, alone and against turns of it that are under way.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBuilder, FAILED, type Builder } from '../../support/builder.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { holdTurn, somebodyWaits } from '../../support/held-turn.ts';
import { asCaller, openPoolApi, type PoolApi } from '../../support/pool-api.ts';
import { countLive, doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { readWorld } from '../../support/world.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let api: PoolApi;
let replicas: readonly Pick<TestStore, 'kit' | 'database'>[];

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  replicas = [store, { kit: store.kit, database: store.open() }];
});
afterAll(() => store.close());
beforeEach(async () => {
  const organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }), { desired: 3 });
  api = await openPoolApi(store, pool);
});

const reconcile = (replica = replicas[0]!) => reconcileNow(replica, pool.poolId);
const live = () => countLive(store, pool.poolId);
const fill = async (): Promise<void> => {
  await reconcile();
  await builder.buildAll();
};
const schedule = (cron: string, instances: number) =>
  store.sql(`update presets set timezone = 'UTC', schedules = $2 where id = $1`, [
    pool.presetId,
    JSON.stringify([{ cron, instances }]),
  ]);
const lastEvent = async () => {
  const { kind, reason, details } = (await api.show()).events[0]!;
  return { kind, reason, ...details };
};
/** Builds a pool until it is limited; its trial is due a cool-down later. */
const limit = async (): Promise<void> => {
  await reconcile();
  await builder.buildAll(FAILED);
  await reconcile();
};

describe('a paused pool', () => {
  it('is neither filled nor drained, and can be claimed from, until it is resumed', async () => {
    await fill();
    store.announced.length = 0;
    expect(await api.change({ paused: true })).toMatchObject({ paused: true, withheld: null });
    expect(store.announced).toEqual([{ kind: 'pool', poolId: pool.poolId }]);
    expect(await lastEvent()).toEqual({ kind: 'paused', reason: null, by: 'operator' });
    const userId = await make.user({ organizationId: pool.organizationId });
    expect(
      await claimOne(store.database, store.kit, { pool, userId, name: 'mine' }),
    ).not.toBeUndefined();
    expect(doneOf(await reconcile())).toEqual(['paused']);
    expect(await api.plan()).toMatchObject({
      withheld: { count: 1, deletes: 0, reason: 'paused' },
      plan: { presets: [{ actions: [] }], next_boundary: null },
    });
    expect(await live()).toEqual({ 'start succeeded': 2 });
    expect(await api.change({ paused: false })).toMatchObject({
      paused: false,
      plan: { presets: [{ actions: [{ type: 'create', count: 1 }] }] },
    });
    expect(await lastEvent()).toEqual({ kind: 'resumed', reason: null, by: 'operator' });
    expect(doneOf(await reconcile())).toEqual(['pool.created 1']);
  });

  it('is told once when it is paused twice', async () => {
    await api.change({ paused: true });
    await api.change({ paused: true });
    expect((await api.show()).events.map(({ kind }) => kind)).toEqual(['paused']);
  });

  it('waits for a turn that is under way, and none that contradicts it follows', async () => {
    const held = await holdTurn(reconcile);
    const pausing = api.change({ paused: true });
    await somebodyWaits(store);
    expect(doneOf(await held.release())).toEqual(['pool.created 3']);
    await pausing;
    await store.sql('update presets set desired_instances = 9 where id = $1', [pool.presetId]);
    expect(await Promise.all(replicas.map(async (one) => doneOf(await reconcile(one))))).toEqual([
      ['paused'],
      ['paused'],
    ]);
    expect(await live()).toEqual({ 'start pending': 3 });
  });

  it('is not written to once that was answered, whoever reconciles, in 10 rounds', async () => {
    for (let round = 0; round < 10; round++) {
      const turns = async (replica: (typeof replicas)[number]): Promise<void> => {
        for (let turn = 0; turn < 12; turn++) {
          const desired = [4, 0, 7, 1][turn % 4];
          await store.sql('update presets set desired_instances = $2 where id = $1', [
            pool.presetId,
            desired,
          ]);
          await reconcile(replica);
        }
      };
      const running = Promise.all(replicas.map(turns));
      await api.change({ paused: true });
      const builds = () => store.sql('select id from builds order by id');
      const answered = await builds();
      await running;
      expect(await builds()).toEqual(answered);
      await api.change({ paused: false });
    }
  });
});

describe('a pool of another size', () => {
  it('keeps that size over versions, until it is given back to the template', async () => {
    await fill();
    expect(await api.change({ size: { instances: 1, overrides_schedules: false } })).toMatchObject({
      size_override: { instances: 1, overrides_schedules: false },
      state: { desired: 1, desired_source: 'base' },
      plan: { presets: [{ actions: [{ type: 'delete', reason: 'extraneous' }] }] },
    });
    expect(await lastEvent()).toMatchObject({ kind: 'resized', reason: expect.any(String) });
    const { versionId } = await make.version(pool, { active: true });
    await make.pool({ ...pool, versionId }, { name: pool.presetName, desired: 5 });
    expect((await api.plan()).state).toMatchObject({ desired: 1 });
    expect(await api.change({ size: null })).toMatchObject({
      size_override: null,
      state: { desired: 5 },
    });
  });

  it('follows its schedules unless told', async () => {
    await schedule('* * * * *', 2);
    const size = (overrides_schedules: boolean) =>
      api.change({ size: { instances: 6, overrides_schedules } });
    expect((await size(false)).state).toMatchObject({ desired: 2, desired_source: 'schedule' });
    expect((await size(true)).state).toMatchObject({ desired: 6, desired_source: 'base' });
    expect(doneOf(await reconcile())).toEqual(['pool.created 6']);
    expect((await api.change({ size: null })).state).toMatchObject({ desired: 2 });
  });

  it('says beforehand what it would do, and changes nothing', async () => {
    await fill();
    store.announced.length = 0;
    const before = await readWorld(store.connection);
    expect(
      await api.change({ size: { instances: 8, overrides_schedules: false } }, true),
    ).toMatchObject({
      size_override: { instances: 8 },
      plan: { presets: [{ actions: [{ type: 'create', count: 5 }] }] },
    });
    expect(await readWorld(store.connection)).toEqual(before);
    expect(store.announced).toEqual([]);
  });

  it('waits for a turn that is under way; the next one is of its size', async () => {
    const held = await holdTurn(reconcile);
    const resizing = api.change({ size: { instances: 0, overrides_schedules: false } });
    await somebodyWaits(store);
    await held.release();
    expect((await resizing).plan.presets[0]!.actions).toEqual([
      { type: 'cancel_pending', count: 3 },
    ]);
    await Promise.all(replicas.map((replica) => reconcile(replica)));
    expect(await live()).toEqual({});
  });
});

describe('an invalidated pool', () => {
  it('has all replaced that was begun before, and hands none of it out', async () => {
    await fill();
    await store.advanceClock(1_000);
    const [early] = await builder.take({ poolId: pool.poolId });
    expect(early).toBeUndefined();
    const answered = await api.invalidate();
    expect(answered.last_invalidated_at).not.toBeNull();
    expect(answered.plan.presets[0]!.actions).toMatchObject([
      { type: 'delete', reason: 'expired', ids: { length: 3 } },
      { type: 'create', count: 3 },
    ]);
    expect(await lastEvent()).toMatchObject({ kind: 'invalidated', by: 'operator' });
    const userId = await make.user({ organizationId: pool.organizationId });
    expect(
      await claimOne(store.database, store.kit, { pool, userId, name: 'mine' }),
    ).toBeUndefined();
    await reconcile();
    await builder.buildAll();
    await reconcile();
    expect(await live()).toEqual({ 'start succeeded': 3 });
  });

  it('has replaced as well what a daemon was building', async () => {
    await reconcile();
    const taken = await builder.take({ poolId: pool.poolId, limit: 2 });
    await store.advanceClock(1_000);
    await api.invalidate();
    for (const { jobId } of taken) {
      await builder.finish(jobId, { outcome: 'succeeded', outputs: {} });
    }
    // The third was not begun yet, and is as good as one that is made now.
    expect(doneOf(await reconcile())).toEqual(['pool.deleting 2 expired', 'pool.created 2']);
  });
});

describe('a pool that is reset', () => {
  it('is filled at once, although its builds failed', async () => {
    await limit();
    expect(await api.plan()).toMatchObject({
      limit: { trial_workspace_id: null },
      withheld: { count: 3, reason: 'hard_limited' },
    });
    expect(await api.reset()).toMatchObject({ limit: null, withheld: null });
    expect(await lastEvent()).toMatchObject({ kind: 'brakes_reset', by: 'operator' });
    expect(doneOf(await reconcile())).toEqual(['pool.created 3']);
  });

  it('forgets the failures that made it wait', async () => {
    await store.sql('update presets set desired_instances = 1 where id = $1', [pool.presetId]);
    await reconcile();
    await builder.buildAll(FAILED);
    expect((await api.plan()).withheld).toMatchObject({ reason: 'backoff' });
    expect((await api.reset(true)).withheld).toBeNull();
    expect((await api.plan()).withheld).toMatchObject({ reason: 'backoff' });
    expect((await api.reset()).withheld).toBeNull();
  });

  it.each(['before', 'after'] as const)(
    'does not mind how a trial ends that ended %s',
    async (when) => {
      await limit();
      await store.advanceClock(900_001);
      await reconcile();
      const [trial] = await builder.take({ poolId: pool.poolId });
      const fail = () => builder.finish(trial!.jobId, FAILED);
      if (when === 'before') await fail();
      await api.reset();
      expect((await api.show()).events[0]!.reason).toBe(
        `the trial ${trial!.workspaceId} counts for nothing`,
      );
      if (when === 'after') await fail();
      await reconcile();
      expect(await api.plan()).toMatchObject({ limit: null, withheld: null });
    },
  );

  it('waits for a turn that starts a trial, and voids it', async () => {
    await limit();
    await store.advanceClock(900_001);
    const held = await holdTurn(reconcile);
    const resetting = api.reset();
    await somebodyWaits(store);
    expect(doneOf(await held.release())).toEqual(['pool.created 1']);
    await resetting;
    await reconcile();
    await builder.buildAll(FAILED);
    // Two of the three are newer than the reset, and the limit is three.
    expect(await api.plan()).toMatchObject({ limit: null, withheld: { reason: 'backoff' } });
  });

  it('was never decided, and has nothing to forget', async () => {
    expect(await api.reset()).toMatchObject({ limit: null });
  });
});

describe('whoever is no administrator', () => {
  it('may look at the plan, and change nothing', async () => {
    const userId = await make.user({ organizationId: pool.organizationId });
    const member = await openPoolApi(store, pool, { caller: asCaller(userId) });
    expect(await member.plan()).toMatchObject({ template: pool.name });
    for (const change of [
      () => member.change({ paused: true }),
      () => member.invalidate(),
      () => member.reset(true),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    const stranger = await openPoolApi(store, pool, { caller: asCaller(await make.user()) });
    await expect(stranger.change({ paused: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
