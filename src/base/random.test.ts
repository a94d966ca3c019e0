import { describe, expect, it } from 'vitest';
import { systemRng } from './random.ts';

describe('the source of randomness', () => {
  it('gives as many bytes as were asked for, more than are drawn at once too', () => {
    for (const count of [0, 1, 10, 4095, 4096, 4097, 10_000]) {
      expect(systemRng.bytes(count)).toHaveLength(count);
    }
  });

  it('never gives the same twice, and nothing that somebody else still gets', () => {
    const drawn = Array.from({ length: 2_000 }, () => systemRng.bytes(16));
    const texts = (): readonly string[] => drawn.map((bytes) => Buffer.from(bytes).toString('hex'));
    const before = texts();
    expect(new Set(before).size).toBe(drawn.length);
    systemRng.bytes(4096).fill(0);
    expect(texts()).toEqual(before);
  });

  it('gives numbers from 0 up to 1, over the whole range', () => {
    const numbers = Array.from({ length: 2_000 }, () => systemRng.next());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    for (const tenth of Array.from({ length: 10 }, (_, n) => n / 10)) {
      expect(numbers.some((number) => number >= tenth && number < tenth + 0.1)).toBe(true);
    }
  });
});
