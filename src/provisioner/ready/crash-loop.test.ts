import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { createCrashLoops } from './crash-loop.ts';

describe('a crash loop', () => {
  it('is one that waits to be started again, look after look', async () => {
    const clock = createManualClock();
    const loops = createCrashLoops(clock);
    const look = async (...waiting: string[]): Promise<void> => {
      await clock.advance(1_000);
      loops.noteWaiting(waiting);
    };
    await look('a', 'b');
    await look('a');
    await look('b');
    expect([loops.has('a'), loops.has('b')]).toEqual([false, false]);
    await look('a');
    expect([loops.has('a'), loops.has('b')]).toEqual([true, false]);
  });

  it('is over when it has lived for a while, and a rare end begins none', async () => {
    const clock = createManualClock();
    const loops = createCrashLoops(clock);
    for (let end = 0; end < 5; end++) {
      await clock.advance(10_001);
      loops.noteWaiting([]);
      loops.noteWaiting(['rare']);
    }
    expect(loops.has('rare')).toBe(false);
    for (let look = 0; look < 3; look++) loops.noteWaiting(['rare']);
    expect(loops.has('rare')).toBe(true);
    await clock.advance(10_001);
    loops.noteWaiting([]);
    expect(loops.has('rare')).toBe(false);
  });
});
