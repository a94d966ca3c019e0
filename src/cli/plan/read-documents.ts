// Lines into documents: JSON Lines, or objects printed over several lines, one after the other.
//
// A line whose brackets do not close begins a document that goes on until they do. A line in such a
// document that is a snapshot by itself shows that what came before was a broken line; so one bad
// line costs one error and not the rest of the file.
import { TextDecoder } from 'node:util';
import { readLines } from './read-lines.ts';

export interface SourceDocument {
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** Undefined when its bytes are not UTF-8. */
  readonly text: string | undefined;
}

/** The documents of the input in order; blank lines between them are left out. */
export async function* readDocuments(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<SourceDocument> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 0;
  let open: OpenDocument | undefined;
  for await (const bytes of readLines(chunks)) {
    number += 1;
    const text = decode(decoder, bytes);
    if (open !== undefined && (text === undefined || isSnapshot(text))) {
      yield close(open);
      open = undefined;
    }
    if (text === undefined) {
      yield { line: number, text };
    } else if (open !== undefined || text.trim() !== '') {
      open ??= { line: number, lines: [], depth: 0 };
      open.lines.push(text);
      open.depth += countOpenBrackets(text);
      if (open.depth > 0) continue;
      yield close(open);
      open = undefined;
    }
  }
  if (open !== undefined) yield close(open);
}

interface OpenDocument {
  readonly line: number;
  readonly lines: string[];
  /** Brackets that are open after the last line. */
  depth: number;
}

function close({ line, lines }: OpenDocument): SourceDocument {
  return { line, text: lines.join('\n') };
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether the line is a whole snapshot; no object inside a snapshot has a `now`. */
function isSnapshot(line: string): boolean {
  if (!line.trimStart().startsWith('{')) return false;
  try {
    return Object.hasOwn(JSON.parse(line) as object, 'now');
  } catch {
    return false;
  }
}

const STRINGS = /"[^"\\]*(?:\\.[^"\\]*)*"/g;

/** How many more brackets the line opens than it closes. */
function countOpenBrackets(line: string): number {
  const bare = line.replace(STRINGS, '');
  // A string cannot go over the end of its line: this is broken, and nothing it opened will close.
  if (bare.includes('"')) return 0;
  return (bare.match(/[[{]/g)?.length ?? 0) - (bare.match(/[\]}]/g)?.length ?? 0);
}
