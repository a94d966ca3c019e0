import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFLATE_BLOCK_BYTES, DEFLATE_END, deflateBlock } from './deflate.ts';

const roundTrip = (...blocks: readonly Buffer[]): Buffer =>
  inflateRawSync(Buffer.concat([...blocks.map((block) => deflateBlock(block)), DEFLATE_END]));

/** Bytes that repeat themselves at near and far distances, as text does. */
const repetitive = fc
  .array(
    fc.record({
      piece: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      times: fc.integer({ min: 1, max: 400 }),
    }),
    { maxLength: 12 },
  )
  .map((runs) =>
    Buffer.concat(
      runs.flatMap(({ piece, times }) => Array.from({ length: times }, () => piece)),
    ).subarray(0, DEFLATE_BLOCK_BYTES),
  );

describe('deflateBlock', () => {
  it('is undone by zlib, block after block', () => {
    fc.assert(
      fc.property(repetitive, repetitive, (a, b) => {
        expect(roundTrip(a, b).equals(Buffer.concat([a, b]))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['a whole block of zeros', Buffer.alloc(DEFLATE_BLOCK_BYTES)],
    [
      'a match at the greatest distance',
      Buffer.concat([Buffer.from('abcdefgh'), Buffer.alloc(32_760), Buffer.from('abcdefgh')]),
    ],
    [
      'a match just out of reach',
      Buffer.concat([Buffer.from('abcdefgh'), Buffer.alloc(32_761), Buffer.from('abcdefgh')]),
    ],
    [
      'every length of match',
      Buffer.concat(Array.from({ length: 260 }, (_, n) => Buffer.from(`${'q'.repeat(n)}${n}`))),
    ],
  ])('packs %s', (_what, bytes) => expect(roundTrip(bytes).equals(bytes)).toBe(true));

  it('keeps what does not get smaller as it is', () => {
    const noise = Buffer.concat(
      Array.from({ length: 2_000 }, (_, n) => createHash('sha256').update(String(n)).digest()),
    );
    expect(deflateBlock(noise).length).toBe(noise.length + 5);
    expect(roundTrip(noise).equals(noise)).toBe(true);
  });

  it('packs text to less than a half', () => {
    const text = Buffer.from(
      Array.from({ length: 500 }, (_, n) => `const value${n} = compute(${n * 7});\n`).join(''),
    );
    expect(deflateBlock(text).length).toBeLessThan(text.length / 2);
  });

  it('has not changed: every stored hash depends on its output', () => {
    const text = 'to be or not to be, that is the question; to be or not to be.\n'.repeat(30);
    const hash = createHash('sha256')
      .update(deflateBlock(Buffer.from(text)))
      .digest('hex');
    expect(hash).toMatchInlineSnapshot(
      `"1711b0b00f9861d934eb6dc27eaa407108dda1cd4db739c555b3aaa0bb83ace3"`,
    );
  });
});
