import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFindTexts } from './find-texts.ts';

describe('what finds many texts at once', () => {
  it('covers exactly what the texts cover, however they overlap', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f426}'), minLength: 3 });
    const words = fc.array(word, { maxLength: 8 });
    fc.assert(
      fc.property(words, words, (texts, others) => {
        const text = [...others, ...texts.slice(1), ...others].join('');
        const covered = new Set<number>();
        for (const one of texts) {
          for (let at = 0; at < text.length; at += 1) {
            if (!text.startsWith(one, at)) continue;
            for (let index = at; index < at + one.length; index += 1) covered.add(index);
          }
        }
        const found = createFindTexts(
          texts,
          3,
        )(text).flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, index) => start + index),
        );
        expect(found).toEqual([...covered].sort((a, b) => a - b));
      }),
      { numRuns: 1_000 },
    );
  });
});
