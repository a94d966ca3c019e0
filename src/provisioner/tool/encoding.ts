// The encodings in which tools write a text into requests, dumps and errors, undone: every tool
// escapes other characters and in other ways, but all of them are read alike.
import type { Range } from './find-texts.ts';

export interface Decoded {
  readonly text: string;
  /** Where in the encoded text it stands. */
  sourceOf(range: Range): Range;
}

export interface Encoding {
  /** What every escape begins with. */
  readonly mark: string;
  /** Undefined where the mark stands for itself. */
  readonly read: (text: string, at: number) => Escape | undefined;
  /** What a text may have been brought into before, and is then still in when this is undone. */
  readonly inner: readonly Encoding[];
}

interface Escape {
  readonly character: string;
  /** Of what stands for it. */
  readonly length: number;
}

const CONTROLS: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

function readBackslash(text: string, at: number): Escape | undefined {
  const kind = text.charAt(at + 1);
  if (kind === '') return undefined;
  const code = kind === 'u' ? text.slice(at + 2, at + 6) : '';
  return HEX_CODE.test(code)
    ? { character: String.fromCharCode(Number.parseInt(code, 16)), length: 6 }
    : { character: CONTROLS[kind] ?? kind, length: 2 };
}

const HEX_CODE = /^[\da-f]{4}$/i;

/** A text in JSON, which may stand in JSON once more. It reads HCL and a shell's backslashes too. */
export const JSON_TEXT: Encoding = {
  mark: '\\',
  read: readBackslash,
  inner: [{ mark: '\\', read: readBackslash, inner: [] }],
};

/** One character of UTF-8 that is not ASCII. */
const PERCENT_WIDE =
  /%(?:[cd][\da-f]%[89ab][\da-f]|e[\da-f](?:%[89ab][\da-f]){2}|f[0-7](?:%[89ab][\da-f]){3})/iy;
const ASCII_BY_HEX = new Map(
  Array.from({ length: 128 }, (_, code) => code).flatMap((code) => {
    const escape: Escape = { character: String.fromCharCode(code), length: 3 };
    const hex = code.toString(16).padStart(2, '0');
    return [hex, hex.toUpperCase()].map((spelling): [string, Escape] => [spelling, escape]);
  }),
);

function readPercent(text: string, at: number): Escape | undefined {
  const ascii = ASCII_BY_HEX.get(text.slice(at + 1, at + 3));
  if (ascii !== undefined) return ascii;
  PERCENT_WIDE.lastIndex = at;
  const escape = PERCENT_WIDE.exec(text)?.[0];
  if (escape === undefined) return undefined;
  const bytes = Buffer.from(escape.replaceAll('%', ''), 'hex');
  return { character: bytes.toString(), length: escape.length };
}

/** Paths in a URL. */
export const PERCENT_ENCODED: Encoding = { mark: '%', read: readPercent, inner: [] };

const SPACE: Escape = { character: ' ', length: 1 };

/** Forms, and queries in a URL. */
export const FORM_ENCODED: Encoding = {
  mark: '+',
  read: () => SPACE,
  inner: [PERCENT_ENCODED],
};

/** Undefined where there is nothing to decode. */
export function decode(source: string, { mark, read }: Encoding): Decoded | undefined {
  const runs: Run[] = [{ at: 0, from: 0 }];
  let text = '';
  let from = 0;
  for (let at = source.indexOf(mark); at >= 0;) {
    const escape = read(source, at);
    if (escape !== undefined) {
      text += source.slice(from, at) + escape.character;
      from = at + escape.length;
      runs.push({ at: text.length, from });
    }
    at = source.indexOf(mark, at + (escape?.length ?? 1));
  }
  if (from === 0) return undefined;
  text += source.slice(from);
  const sourceOf = (at: number): number => {
    const run = lastUpTo(runs, at);
    return run.from + (at - run.at);
  };
  return { text, sourceOf: ({ start, end }) => ({ start: sourceOf(start), end: sourceOf(end) }) };
}

/** A part that was the same in the source, and an escape after it: where in the text, from where. */
interface Run {
  readonly at: number;
  readonly from: number;
}

function lastUpTo(runs: readonly Run[], at: number): Run {
  let low = 0;
  let high = runs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((runs[middle]?.at ?? 0) <= at) low = middle;
    else high = middle;
  }
  return runs[low] ?? { at: 0, from: 0 };
}
