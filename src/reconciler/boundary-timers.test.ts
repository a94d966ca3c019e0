import { describe, expect, it } from 'vitest';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import { createBoundaryTimers } from './boundary-timers.ts';

function setUp() {
  const clock = createManualClock();
  const stop = new AbortController();
  const due: string[] = [];
  const timers = createBoundaryTimers<string>(
    { clock },
    { signal: stop.signal, onDue: (key) => due.push(key) },
  );
  return { clock, stop, due, timers };
}

describe('the timers of pools', () => {
  it('tell each pool at its time, the earliest first', async () => {
    const { clock, due, timers } = setUp();
    timers.set('late', 3_000);
    timers.set('early', 1_000);
    await settle();
    await clock.advance(999);
    expect(due).toEqual([]);
    await clock.advance(1);
    expect(due).toEqual(['early']);
    await clock.advance(2_000);
    expect(due).toEqual(['early', 'late']);
    await clock.advance(60_000);
    expect(due).toEqual(['early', 'late']);
  });

  it('are one for each pool: the newest counts, and none can be set', async () => {
    const { clock, due, timers } = setUp();
    timers.set('moved', 1_000);
    timers.set('moved', 5_000);
    timers.set('dropped', 1_000);
    timers.set('dropped', null);
    await settle();
    await clock.advance(4_999);
    expect(due).toEqual([]);
    await clock.advance(1);
    expect(due).toEqual(['moved']);
  });

  it('are brought forward, never put off', async () => {
    const { clock, due, timers } = setUp();
    timers.bringForward('none yet', 2_000);
    timers.bringForward('none yet', 3_000);
    timers.set('later', 5_000);
    timers.bringForward('later', 1_000);
    await settle();
    await clock.advance(1_000);
    expect(due).toEqual(['later']);
    await clock.advance(1_000);
    expect(due).toEqual(['later', 'none yet']);
    await clock.advance(60_000);
    expect(due).toHaveLength(2);
  });

  it('take what is due already as due now, and wait for what is far away', async () => {
    const { clock, due, timers } = setUp();
    timers.set('past', -5_000);
    timers.set('far', 40 * 86_400_000);
    await settle();
    await clock.advance(0);
    expect(due).toEqual(['past']);
    await clock.advance(40 * 86_400_000);
    expect(due).toEqual(['past', 'far']);
  });

  it('end with the signal', async () => {
    const { clock, stop, due, timers } = setUp();
    timers.set('pool', 1_000);
    stop.abort();
    await timers.running;
    await clock.advance(60_000);
    expect(due).toEqual([]);
    expect(clock.sleeping()).toBe(0);
  });
});
