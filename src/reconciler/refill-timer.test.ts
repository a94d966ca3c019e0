import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import type { PoolId } from '../base/id.ts';
import type { PoolOutcome } from './reconcile-pool.ts';
import { createRefillTimer } from './refill-timer.ts';

const POOL = 'pool' as PoolId;
const CREATED = { kind: 'reconciled', done: [{ event: 'pool.created' }] } as unknown as PoolOutcome;
const NOTHING = { kind: 'reconciled', done: [] } as unknown as PoolOutcome;

function setUp() {
  const clock = createManualClock();
  const told: number[] = [];
  const meter = { observe: (_duration: string, ms: number) => void told.push(ms) };
  return { clock, told, timer: createRefillTimer({ clock, meter }) };
}

describe('the time a pool waits for its refill', () => {
  it('is from the first notice to the creation', async () => {
    const { clock, told, timer } = setUp();
    timer.note(POOL);
    await clock.advance(30);
    timer.note(POOL);
    const turn = timer.begin(POOL);
    await clock.advance(12);
    turn.end(CREATED);
    expect(told).toEqual([42]);
  });

  it('is none without a notice, and none where nothing had to be made', async () => {
    const { clock, told, timer } = setUp();
    timer.begin(POOL).end(CREATED);
    timer.note(POOL);
    timer.begin(POOL).end(NOTHING);
    await clock.advance(60_000);
    timer.begin(POOL).end(CREATED);
    expect(told).toEqual([]);
  });

  it('goes on over a turn that failed, and is its own for what came during a turn', async () => {
    const { clock, told, timer } = setUp();
    timer.note(POOL);
    timer.begin(POOL).fail();
    await clock.advance(10);
    const turn = timer.begin(POOL);
    timer.note(POOL);
    turn.end(CREATED);
    await clock.advance(5);
    timer.begin(POOL).end(CREATED);
    expect(told).toEqual([10, 5]);
  });
});
