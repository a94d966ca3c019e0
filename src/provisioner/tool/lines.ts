// Cuts a stream of bytes into lines. One without an end must not fill the memory: it is cut too.
import { StringDecoder } from 'node:string_decoder';

export interface LineSplitter {
  add(chunk: Uint8Array): void;
  /** What came after the last line break. */
  end(): void;
}

/** Longer than any line a tool writes for people or programs, plans of thousands of resources too. */
const MAX_LINE_CHARS = 1024 * 1024;

export function createLineSplitter(
  onLine: (line: string) => void,
  maxChars = MAX_LINE_CHARS,
): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string): void => {
    const lines = text.split('\n');
    lines[0] = rest + (lines[0] ?? '');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    while (rest.length > maxChars) {
      onLine(rest.slice(0, maxChars));
      rest = rest.slice(maxChars);
    }
  };
  return {
    add: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
