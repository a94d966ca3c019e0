import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createMemory } from './memory.ts';

const OPTIONS = { forMs: 1_000, most: 2 };

describe('what is remembered', () => {
  it('is known until its time is over, counted from when it was read', async () => {
    const clock = createManualClock();
    const memory = createMemory<string, number>(clock, OPTIONS);
    const readMs = clock.monotonicMs();
    await clock.advance(400);
    memory.set('a', 1, readMs);
    await clock.advance(599);
    expect(memory.get('a')).toBe(1);
    await clock.advance(1);
    expect(memory.get('a')).toBeUndefined();
  });

  it('is what was set last', () => {
    const clock = createManualClock();
    const memory = createMemory<string, number>(clock, OPTIONS);
    const now = clock.monotonicMs();
    for (const [n, key] of ['a', 'b', 'a', 'c'].entries()) memory.set(key, n, now);
    expect(['a', 'b', 'c'].map((key) => memory.get(key))).toEqual([2, undefined, 3]);
  });

  it('may be forgotten, one or all', () => {
    const clock = createManualClock();
    const memory = createMemory<string, number>(clock, OPTIONS);
    const set = (): void => {
      for (const key of ['a', 'b']) memory.set(key, 1, clock.monotonicMs());
    };
    set();
    memory.forget('a');
    expect(['a', 'b'].map((key) => memory.get(key))).toEqual([undefined, 1]);
    set();
    memory.clear();
    expect(['a', 'b'].map((key) => memory.get(key))).toEqual([undefined, undefined]);
  });
});
