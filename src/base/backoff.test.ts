import { describe, expect, it } from 'vitest';
import { createBackoff } from './backoff.ts';

const options = { firstMs: 100, maxMs: 1_000 };

describe('waiting between tries', () => {
  it('doubles up to the limit and begins anew after a success', () => {
    const backoff = createBackoff({ next: () => 1 }, options);
    const waits = Array.from({ length: 6 }, () => backoff.nextMs());
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    backoff.reset();
    expect(backoff.nextMs()).toBe(100);
  });

  it('spreads each wait over the upper half', () => {
    const least = createBackoff({ next: () => 0 }, options);
    const middle = createBackoff({ next: () => 0.5 }, options);
    expect([least.nextMs(), middle.nextMs()]).toEqual([50, 75]);
  });
});
