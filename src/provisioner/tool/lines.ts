// Cuts a stream of bytes into lines. One without an end must not fill the memory: of such a one the
// beginning is given and the rest left out, because a cut may go through a secret, whose second half
// nobody would know for one.
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
  /** The beginning of the present line was given, and the rest of it is left out. */
  let isCut = false;
  const give = (line: string): void => {
    if (!isCut) onLine(line);
    isCut = false;
  };
  const take = (text: string): void => {
    const lines = text.split('\n');
    lines[0] = rest + (lines[0] ?? '');
    rest = lines.pop() ?? '';
    for (const line of lines) give(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (rest.length <= maxChars) return;
    give(rest.slice(0, maxChars));
    rest = '';
    isCut = true;
  };
  return {
    add: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      if (rest !== '') give(rest);
      rest = '';
    },
  };
}
