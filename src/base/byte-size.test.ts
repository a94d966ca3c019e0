import { describe, expect, it } from 'vitest';
import { formatBytes, parseBytes } from './byte-size.ts';

describe('a size', () => {
  it.each([
    ['0B', 0],
    ['1B', 1],
    ['512KiB', 524_288],
    ['4MiB', 4_194_304],
    ['1GiB', 1_073_741_824],
  ])('%s is read and written', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
    expect(formatBytes(bytes)).toBe(text);
  });

  it('is written in the largest whole unit', () => {
    expect(formatBytes(1_536)).toBe('1536B');
    expect(formatBytes(2_048 * 1_024)).toBe('2MiB');
  });

  it.each(['', '4', '4MB', '4 MiB', '-1MiB', '1.5MiB', '4mib', '1e3B', '12345678901B'])(
    'is not %o',
    (text) => {
      expect(parseBytes(text)).toBeUndefined();
    },
  );
});
