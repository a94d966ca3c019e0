import { describe, expect, it } from 'vitest';
import { inBatches } from './in-batches.ts';

/** Takes from so many, and stops after a batch when told to. */
function heap(count: number): {
  readonly limits: number[];
  readonly stop: AbortController;
  readonly take: (limit: number) => Promise<number>;
} {
  let left = count;
  const limits: number[] = [];
  return {
    limits,
    stop: new AbortController(),
    take: (limit) => {
      limits.push(limit);
      const taken = Math.min(limit, left);
      left -= taken;
      return Promise.resolve(taken);
    },
  };
}

describe('taking away in batches', () => {
  it('goes on until one is not full', async () => {
    const { limits, stop, take } = heap(25);
    expect(await inBatches({ size: 10, most: 9, signal: stop.signal }, take)).toBe(25);
    expect(limits).toEqual([10, 10, 10]);
  });

  it('leaves to the next time what is more than the most batches', async () => {
    const { limits, stop, take } = heap(25);
    expect(await inBatches({ size: 10, most: 2, signal: stop.signal }, take)).toBe(20);
    expect(limits).toHaveLength(2);
  });

  it('begins no further batch once it is to stop', async () => {
    const { limits, stop, take } = heap(25);
    const stopping = (limit: number): Promise<number> => {
      stop.abort();
      return take(limit);
    };
    expect(await inBatches({ size: 10, most: 9, signal: stop.signal }, stopping)).toBe(10);
    expect(limits).toHaveLength(1);
  });
});
