import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createId } from '../../../src/base/id.ts';
import { createLease, type Lease } from '../../../src/reconciler/lease.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const TTL_MS = 15_000;
let store: TestStore;
let name: string;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());
beforeEach(() => {
  name = createId(store.kit);
});

function replica({ takeAtOnce = false, ttlMs = TTL_MS } = {}) {
  const clock = createManualClock();
  const kit = { ...store.kit, clock };
  const taken: number[] = [];
  const lease: Lease = createLease(
    { kit, database: store.database, onTaken: () => taken.push(lease.epoch ?? -1) },
    { name, holder: createId(store.kit), ttlMs, takeAtOnce },
  );
  return { lease, clock, taken };
}

/** As if the holder had shown no sign for longer than the TTL. */
const expire = () =>
  store.sql(`update leases set expires_at = clock_timestamp() - interval '1 ms' where name = $1`, [
    name,
  ]);
const row = async () =>
  (
    await store.sql<{ epoch: number; left_ms: number }>(
      `select epoch, extract(epoch from expires_at - clock_timestamp())::float8 * 1000 as left_ms
       from leases where name = $1`,
      [name],
    )
  )[0]!;

describe('the lease', () => {
  it('has one holder at a time', async () => {
    const [first, second] = [replica(), replica()];
    expect(await first.lease.confirm()).toBe(true);
    expect(await second.lease.confirm()).toBe(false);
    expect([first.lease.epoch, second.lease.epoch]).toEqual([1, undefined]);
  });

  it('goes to exactly one of many who want it at once', async () => {
    const replicas = Array.from({ length: 8 }, () => replica());
    const held = await Promise.all(replicas.map(({ lease }) => lease.confirm()));
    expect(held.filter(Boolean)).toEqual([true]);
  });

  it('keeps its epoch when it is renewed, also after a lapse that nobody used', async () => {
    const { lease, taken } = replica();
    await lease.confirm();
    await lease.confirm();
    await expire();
    expect(await lease.confirm()).toBe(true);
    expect(taken).toEqual([1]);
    expect((await row()).left_ms).toBeGreaterThan(TTL_MS - 5_000);
  });

  it('goes to another when its holder shows no sign for the TTL, and the epoch rises', async () => {
    const [paused, other] = [replica(), replica()];
    await paused.lease.confirm();
    await expire();
    expect(await other.lease.confirm()).toBe(true);
    expect(other.lease.epoch).toBe(2);
    expect(await paused.lease.confirm()).toBe(false);
    expect(paused.lease.epoch).toBeUndefined();
    expect([paused.taken, other.taken]).toEqual([[1], [2]]);
  });

  it('is renewed well within the TTL for as long as the process runs', async () => {
    const { lease, clock } = replica();
    await lease.start();
    for (let renewal = 0; renewal < 3; renewal++) {
      await expire();
      await clock.advance(TTL_MS / 3);
      await expect.poll(async () => (await row()).left_ms).toBeGreaterThan(0);
    }
    expect((await row()).epoch).toBe(1);
    await lease.stop('test', 1_000);
    expect(clock.sleeping()).toBe(0);
  });

  it('that another holds is tried again when it ends, and not only when it would be renewed', async () => {
    // It would be renewed after three minutes, and ends after one: much longer than this test takes.
    const ttlMs = 600_000;
    const [killed, other] = [replica({ ttlMs }), replica({ ttlMs })];
    await killed.lease.confirm();
    await store.sql(
      `update leases set expires_at = clock_timestamp() + interval '1 minute' where name = $1`,
      [name],
    );
    await other.lease.start();
    expect(other.lease.epoch).toBeUndefined();
    await expire();
    // Well past its end: the time that the database tells of has gone on meanwhile, or was set.
    await other.clock.advance(120_000);
    await expect.poll(() => other.lease.epoch).toBe(2);
    await other.lease.stop('test', 1_000);
  });

  it('is given up and announced at a graceful stop', async () => {
    const [leader, other] = [replica(), replica()];
    await leader.lease.start();
    await other.lease.start();
    expect(other.lease.epoch).toBeUndefined();
    store.announced.length = 0;
    await leader.lease.stop('test', 1_000);
    expect(store.announced).toEqual([{ kind: 'lease', name }]);
    expect(await other.lease.confirm()).toBe(true);
    expect(other.lease.epoch).toBe(2);
    expect(await leader.lease.confirm()).toBe(false);
    await other.lease.stop('test', 1_000);
  });

  it('is free at the very moment at which it was given up, every time', async () => {
    for (let turn = 1; turn <= 40; turn++) {
      const { lease } = replica();
      await lease.start();
      expect(lease.epoch).toBe(turn);
      await lease.stop('test', 1_000);
    }
  });

  it('is not given up by one that never held it', async () => {
    const [leader, other] = [replica(), replica()];
    await leader.lease.start();
    await other.lease.start();
    await other.lease.stop('test', 1_000);
    expect((await row()).left_ms).toBeGreaterThan(0);
    await leader.lease.stop('test', 1_000);
  });

  it('is taken at once on a database of its own, and only with the first try', async () => {
    const [killed, restarted] = [replica(), replica({ takeAtOnce: true })];
    await killed.lease.confirm();
    expect(await restarted.lease.confirm()).toBe(true);
    expect(restarted.lease.epoch).toBe(2);
    await expire();
    const third = replica();
    await third.lease.confirm();
    expect(await restarted.lease.confirm()).toBe(false);
  });

  it('does not care for the time that statements go by', async () => {
    const [leader, other] = [replica(), replica()];
    await leader.lease.confirm();
    await store.advanceClock(3_600_000);
    expect(await other.lease.confirm()).toBe(false);
  });
});
