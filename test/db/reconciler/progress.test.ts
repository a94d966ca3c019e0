// What goes as it should gives a pool nothing to do, unless somebody or something waits for it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, settle, type ManualClock } from '../../support/manual-clock.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openLine, type Line } from '../../support/line.ts';
import { nothingFirst } from '../../support/precedence.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { startToldReconciler, type ToldReconciler } from '../../support/told-reconciler.ts';

const LATER_MS = 1_000;

let store: TestStore;
let make: Factory;
let line: Line;
let told: ToldReconciler;
let clock: ManualClock;

beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  line = await openLine({ store, make });
  clock = createManualClock();
  told = await startToldReconciler(store, {
    ...{ clock, precedence: nothingFirst, maxCreationsInFlight: 2 },
  });
});
afterEach(async () => {
  await told.reconciler.stop('test', 5_000);
  await store.close();
});

const poolId = () => line.pool.poolId;
const takeTurn = async (of = poolId()) => {
  await told.reconciler.reconcile(of);
  told.turns.length = 0;
};
const comeOn = () => told.hear({ kind: 'progress', poolId: poolId() });
const hasTurn = (of = poolId()) => expect.poll(() => told.turns, { interval: 5 }).toContain(of);
/** What was asked for before this has had its turn by its end. */
const othersTurn = async () => {
  const { poolId: other } = (await openLine({ store, make })).pool;
  await told.reconciler.reconcile(other);
  return other;
};

describe('a pool that comes on as it should', () => {
  it('has one turn a second later, however often it did', async () => {
    await takeTurn();
    comeOn();
    await clock.advance(LATER_MS - 1);
    comeOn();
    const other = await othersTurn();
    expect(told.turns).toEqual([other]);
    await clock.advance(1);
    await hasTurn();
    await clock.advance(60_000);
    await othersTurn();
    expect(told.turns.filter((id) => id === poolId())).toHaveLength(1);
  });

  it('has none for that where something else gave it one', async () => {
    await takeTurn();
    comeOn();
    told.hear({ kind: 'pool', poolId: poolId() });
    await hasTurn();
    told.turns.length = 0;
    await clock.advance(60_000);
    const other = await othersTurn();
    expect(told.turns).toEqual([other]);
  });

  it('has another one where it came on during a turn, which may not have seen it', async () => {
    await takeTurn();
    const turn = told.reconciler.reconcile(poolId());
    await settle();
    comeOn();
    await turn;
    told.turns.length = 0;
    await clock.advance(LATER_MS);
    await hasTurn();
  });

  it.each([
    [
      'holds something back',
      () =>
        store.sql('update presets set desired_instances = 3 where id = $1', [line.pool.presetId]),
    ],
    ['finds somebody in its line', () => line.wait()],
  ])('has it at once where it came on during a turn that %s', async (_, happen) => {
    await takeTurn();
    await happen();
    const turn = told.reconciler.reconcile(poolId());
    await settle();
    comeOn();
    await turn;
    await expect.poll(() => told.turns, { interval: 5 }).toEqual([poolId(), poolId()]);
  });

  it('has it at once where nothing is known of it yet', async () => {
    comeOn();
    await hasTurn();
  });

  it('has it at once where its last turn held something back', async () => {
    await store.sql('update presets set desired_instances = 3 where id = $1', [line.pool.presetId]);
    await takeTurn();
    comeOn();
    await hasTurn();
  });

  it('has it at once where somebody stands in its line', async () => {
    await line.wait();
    await takeTurn();
    comeOn();
    await hasTurn();
  });

  it('gives one to another that the budget holds back', async () => {
    const template = await make.template({ organizationId: line.organizationId });
    const held = await make.pool(template, { desired: 3 });
    await told.reconciler.reconcile(held.poolId);
    await takeTurn();
    comeOn();
    await hasTurn(held.poolId);
    expect(told.turns).not.toContain(poolId());
  });
});
