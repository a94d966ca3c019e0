import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createTurns } from './turns.ts';

function setUp(most = 2) {
  const clock = createManualClock();
  let freed = 0;
  const turns = createTurns(clock, { lateMs: 20, most, onFree: () => (freed += 1) });
  return { clock, turns, freed: () => freed };
}

describe('turns', () => {
  it('are taken one at a time', () => {
    const { turns, freed } = setUp();
    expect(turns.isFree()).toBe(true);
    const end = turns.begin();
    expect(turns.isFree()).toBe(false);
    end();
    expect(turns.isFree()).toBe(true);
    expect(freed()).toBe(1);
  });

  it('do not wait for one that is late', async () => {
    const { clock, turns, freed } = setUp();
    const endLate = turns.begin();
    await clock.advance(20);
    expect(turns.isFree()).toBe(true);
    expect(freed()).toBe(1);
    const end = turns.begin();
    expect(turns.isFree()).toBe(false);
    endLate();
    expect(turns.isFree()).toBe(false);
    end();
    expect(turns.isFree()).toBe(true);
  });

  it('are never more than the most at once, however late', async () => {
    const { clock, turns } = setUp(1);
    const end = turns.begin();
    await clock.advance(1_000);
    expect(turns.isFree()).toBe(false);
    end();
    expect(turns.isFree()).toBe(true);
  });
});
