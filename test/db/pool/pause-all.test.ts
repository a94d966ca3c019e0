// Pausing every pool at once, alone and against turns that are under way.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPrebuildHandlers } from '../../../src/api/prebuilds/handlers.ts';
import { createReconciler } from '../../../src/reconciler/reconciler.ts';
import type { Database } from '../../../src/store/database.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { holdTurn, somebodyWaits } from '../../support/held-turn.ts';
import { ADMIN, asCaller, openPoolApi } from '../../support/pool-api.ts';
import { nothingFirst } from '../../support/precedence.ts';
import { countLive, doneOf, reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { nobodyWaits } from '../../support/reconcile.ts';

let store: TestStore;
let make: Factory;
let pools: readonly TestPool[];
let stops: (() => Promise<unknown>)[];

beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  stops = [];
  const organizationId = await make.organization();
  const template = await make.template({ organizationId });
  pools = [await make.pool(template, { desired: 2 }), await make.pool(template, { desired: 1 })];
});
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  await store.close();
});

const request = { signal: new AbortController().signal };
const handlers = () => createPrebuildHandlers(store);
const get = async () => (await handlers().getPrebuildSettings({ ...request, caller: ADMIN })).body;
const put = async (paused: boolean, caller = ADMIN) =>
  (
    await handlers().putPrebuildSettings({
      ...request,
      caller,
      body: { reconciliation_paused: paused },
    })
  ).body;
const reconcile = (pool: TestPool) => reconcileNow(store, pool.poolId);

async function startBus(database: Database): Promise<NoticeBus> {
  const bus = createNoticeBus({ ...store.kit, database });
  await bus.start();
  stops.push(() => bus.stop('test', 5_000));
  return bus;
}

/** A replica with nothing to make it look but notices. */
async function startReplica(database: Database): Promise<void> {
  const { kit } = store;
  const bus = await startBus(database);
  const options = { ...RECONCILER_OPTIONS, intervalMs: 3_600_000 };
  const reconciler = createReconciler(
    kit,
    { database, bus, serveWaiters: nobodyWaits, precedence: nothingFirst },
    options,
  );
  await reconciler.start();
  stops.push(() => reconciler.stop('test', 5_000));
}

describe('the settings of prebuilds', () => {
  it('say that nothing is paused until somebody does it, and remember it', async () => {
    expect(await get()).toEqual({ reconciliation_paused: false });
    expect(await put(true)).toEqual({ reconciliation_paused: true });
    expect(await get()).toEqual({ reconciliation_paused: true });
    await put(false);
    expect(await get()).toEqual({ reconciliation_paused: false });
  });

  it.each(['[]', '{}', 'null', '"no"', '{"reconciliation_paused": "false"}'])(
    'that are %s are an error, never "not paused", until they are stored again',
    async (document) => {
      await store.sql(`insert into settings values ('prebuilds', $1)`, [document]);
      await expect(get()).rejects.toMatchObject({ code: 'SETTINGS_UNREADABLE' });
      await expect(reconcile(pools[0]!)).rejects.toMatchObject({ code: 'SETTINGS_UNREADABLE' });
      const api = await openPoolApi(store, pools[0]!);
      await expect(api.plan()).rejects.toMatchObject({ code: 'SETTINGS_UNREADABLE' });
      await put(false);
      expect(await get()).toEqual({ reconciliation_paused: false });
    },
  );

  it('are changed by administrators alone', async () => {
    const caller = asCaller(await make.user());
    await expect(put(true, caller)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('a pause of everything', () => {
  it('holds every pool back and is told in the events of each, once', async () => {
    await put(true);
    await put(true);
    for (const pool of pools) {
      expect(doneOf(await reconcile(pool))).toEqual(['paused']);
      const api = await openPoolApi(store, pool);
      expect(await api.show()).toMatchObject({
        paused: false,
        reconciliation_paused: true,
        withheld: { reason: 'paused' },
        events: [{ kind: 'all_paused', details: { by: 'operator' } }],
      });
    }
    expect(store.announced).toEqual([{ kind: 'prebuilds' }]);
  });

  it('waits for turns that are under way, and none follows once it was answered', async () => {
    const [first, second] = [pools[0]!, pools[1]!];
    const held = await holdTurn(() => reconcile(first));
    const pausing = put(true);
    await somebodyWaits(store);
    // Whoever comes now waits behind the pause, and is not let in before it.
    const late = reconcile(second);
    expect(doneOf(await held.release())).toEqual(['pool.created 2']);
    await pausing;
    expect(doneOf(await late)).toEqual(['paused']);
    expect(await countLive(store, second.poolId)).toEqual({});
  });

  it.each([
    ['the replica that was asked', () => startReplica(store.database)],
    [
      'another replica',
      async () => {
        await startReplica(store.open());
        await startBus(store.database);
      },
    ],
  ])('ends with a turn of every pool at once, on %s, and not of paused ones', async (_, start) => {
    await put(true);
    const still = await openPoolApi(store, pools[1]!);
    await still.change({ paused: true });
    await start();
    await put(false);
    await expect
      .poll(() => countLive(store, pools[0]!.poolId), { interval: 10 })
      .toEqual({ 'start pending': 2 });
    expect(await countLive(store, pools[1]!.poolId)).toEqual({});
  });
});
