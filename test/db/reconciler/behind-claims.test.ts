// What refills a pool gives way to claims that are under way; what serves a line does not.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPrecedence } from '../../../src/base/precedence.ts';
import type { PoolId } from '../../../src/base/id.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openLine, type Line } from '../../support/line.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { startToldReconciler, type ToldReconciler } from '../../support/told-reconciler.ts';

const MOST_MS = 1_000;

let store: TestStore;
let make: Factory;
let line: Line;
let other: Line;
let told: ToldReconciler;
const clock = createManualClock();
const precedence = createPrecedence(clock);

beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  [line, other] = [await openLine({ store, make }), await openLine({ store, make })];
  told = await startToldReconciler(store, { precedence, maxCreationsInFlight: 2 });
});
afterEach(async () => {
  await told.reconciler.stop('test', 5_000);
  await store.close();
});

const poolOf = ({ pool }: Line): PoolId => pool.poolId;
const takeTurn = async (of: Line) => {
  await told.reconciler.reconcile(poolOf(of));
  told.turns.length = 0;
};
const tell = (of: Line): void => told.hear({ kind: 'pool', poolId: poolOf(of) });
const hasTurn = () => expect.poll(() => told.turns, { interval: 5 }).toContain(poolOf(line));
/** A claim, until it is ended. */
const beginClaim = () => {
  const answer = createDeferred<null>();
  void precedence.first(() => answer.promise);
  return { end: () => answer.resolve(null) };
};

describe('a pool in which something happens', () => {
  it('has its turn when the claims that are under way have ended', async () => {
    await takeTurn(line);
    const claim = beginClaim();
    for (let times = 0; times < 10; times++) tell(line);
    // By the second's end its turn would have ended as well.
    for (let turn = 0; turn < 2; turn++) await told.reconciler.reconcile(poolOf(other));
    expect(told.turns).toEqual([poolOf(other), poolOf(other)]);
    expect(clock.sleeping()).toBe(1);
    claim.end();
    await hasTurn();
  });

  it('has it behind claims as well where the budget holds it back until something happens', async () => {
    const template = await make.template({ organizationId: line.organizationId });
    const held = await make.pool(template, { desired: 3 });
    await told.reconciler.reconcile(held.poolId);
    await takeTurn(line);
    const claim = beginClaim();
    tell(line);
    // Both.
    expect(clock.sleeping()).toBe(2);
    claim.end();
    await expect.poll(() => told.turns, { interval: 5 }).toContain(held.poolId);
  });

  it('has it after a moment in any case', async () => {
    await takeTurn(line);
    const claim = beginClaim();
    tell(line);
    await clock.advance(MOST_MS);
    await hasTurn();
    claim.end();
  });

  it('has it at once when somebody joins its line', async () => {
    await takeTurn(line);
    const claim = beginClaim();
    await line.wait();
    for (const notice of store.announced.splice(0)) told.hear(notice);
    await hasTurn();
    expect(clock.sleeping()).toBe(0);
    claim.end();
  });

  it('has it at once where somebody stands in its line', async () => {
    await line.wait();
    await takeTurn(line);
    const claim = beginClaim();
    tell(line);
    await hasTurn();
    expect(clock.sleeping()).toBe(0);
    claim.end();
  });

  it('gives way again when the line is gone', async () => {
    await line.wait();
    await takeTurn(line);
    await store.sql(
      `update waiters set ended_at = standby_now(), outcome = 'canceled' where pool_id = $1`,
      [poolOf(line)],
    );
    await takeTurn(line);
    const claim = beginClaim();
    tell(line);
    expect(clock.sleeping()).toBe(1);
    claim.end();
    await hasTurn();
  });

  it('does not hold up a stop until its turn', async () => {
    const claim = beginClaim();
    tell(line);
    expect(clock.sleeping()).toBe(1);
    expect(await told.reconciler.stop('test', 5_000)).toBe('stopped');
    claim.end();
  });
});
