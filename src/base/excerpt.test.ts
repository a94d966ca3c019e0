import { describe, expect, it } from 'vitest';
import { excerpt } from './excerpt.ts';

describe('excerpt', () => {
  it('quotes a short text', () => {
    expect(excerpt('a "b"')).toBe(String.raw`"a \"b\""`);
  });

  it('cuts a long text and says how long it was', () => {
    expect(excerpt('x'.repeat(300))).toBe(`"${'x'.repeat(64)}"… (300 characters)`);
  });

  it('shows what a terminal would act on or hide', () => {
    expect(excerpt('\u001b[2J\u202Eabc\u200B\u2028\u{E0041}\n')).toBe(
      String.raw`"\u001b[2J\u{202e}abc\u{200b}\u{2028}\u{e0041}\n"`,
    );
  });
});
