import { describe, expect, it } from 'vitest';
import { createLineSplitter } from './lines.ts';

function split(chunks: readonly Uint8Array[], maxChars?: number): readonly string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line), maxChars);
  for (const chunk of chunks) splitter.add(chunk);
  splitter.end();
  return lines;
}

describe('a stream of bytes', () => {
  it('is cut into lines wherever its chunks end', () => {
    const bytes = Buffer.from('erste Zeile\r\nzwölf\n\nlast');
    for (let at = 0; at <= bytes.length; at++) {
      const lines = split([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(lines).toEqual(['erste Zeile', 'zwölf', '', 'last']);
    }
  });

  it('of one endless line is cut, and what a cut may go through is left out', () => {
    const chunks = ['ab', 'cdefg', 'hi', 'jkl', 'm\nn', 'opqrst'].map((text) => Buffer.from(text));
    expect(split(chunks, 3)).toEqual(['abc', 'nop']);
  });
});
