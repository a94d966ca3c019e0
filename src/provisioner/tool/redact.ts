// Keeps secret values out of what is told: each occurrence of their exact text is blotted out, and so
// are the forms in which tools write such a text into requests, dumps and errors.
import { decode, FORM_ENCODED, JSON_TEXT, PERCENT_ENCODED, type Encoding } from './encoding.ts';
import { createFindTexts, joinRanges, type FindTexts, type Range } from './find-texts.ts';

export interface Redactor {
  /** From now on these are secret. */
  add(values: Iterable<string>): void;
  redact(text: string): string;
}

/** Shorter ones are words and numbers that stand everywhere: blotting them out hides what is said. */
const MIN_CHARS = 6;
const BLOT = '(secret)';

/**
 * Longer texts are looked for in pieces, so that no comparison is long, whatever a text repeats. A
 * piece that stands alone is as secret.
 */
const MAX_CHARS = 64;

const ENCODINGS = [JSON_TEXT, PERCENT_ENCODED, FORM_ENCODED];

export function createRedactor(): Redactor {
  const forms = new Set<string>();
  let findForms: FindTexts = () => [];
  return {
    add: (values) => {
      for (const value of values) for (const form of formsOf(value)) forms.add(form);
      findForms = createFindTexts(forms, MIN_CHARS);
    },
    redact: (text) => {
      if (forms.size === 0) return text;
      const ranges = findEncoded(findForms, text, ENCODINGS);
      return ranges.length === 0 ? text : blotOut(text, joinRanges(ranges));
    },
  };
}

/** Where in `text` something stands as it is, or does once one of the encodings is undone. */
function findEncoded(
  find: FindTexts,
  text: string,
  encodings: readonly Encoding[],
): readonly Range[] {
  const found = [...find(text)];
  for (const encoding of encodings) {
    const decoded = decode(text, encoding);
    if (decoded === undefined) continue;
    const inner = findEncoded(find, decoded.text, encoding.inner);
    for (const range of inner) found.push(decoded.sourceOf(range));
  }
  return found;
}

function blotOut(text: string, ranges: readonly Range[]): string {
  let told = '';
  let after = 0;
  for (const { start, end } of ranges) {
    told += text.slice(after, start) + BLOT;
    after = end;
  }
  return told + text.slice(after);
}

function formsOf(value: string): readonly string[] {
  // Logs have a text line by line; and many a tool takes away the space around a text or a line.
  const texts = [value, ...value.split(/\r?\n/)].flatMap((text) => [text, text.trim()]);
  return [...new Set(texts)]
    .filter((text) => text.length >= MIN_CHARS)
    .flatMap(bytewiseFormsOf)
    .filter((form) => form.length >= MIN_CHARS)
    .flatMap(piecesOf);
}

function piecesOf(form: string): readonly string[] {
  if (form.length <= MAX_CHARS) return [form];
  const count = Math.ceil(form.length / MAX_CHARS);
  return Array.from({ length: count }, (_, index) => {
    // The last one is as long as the others.
    const start = Math.min(index * MAX_CHARS, form.length - MAX_CHARS);
    return form.slice(start, start + MAX_CHARS);
  });
}

function bytewiseFormsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  return [text, hex, hex.toUpperCase(), ...base64FormsOf(bytes)];
}

/**
 * What stands in base64 wherever the text stands in what was encoded: as `user:password` does in a
 * header. By the place there are three, and the characters at the ends are others' as well.
 */
function base64FormsOf(bytes: Buffer): readonly string[] {
  const inner = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const ends = (before + bytes.length) % 3 === 0 ? encoded.length : encoded.indexOf('=') - 1;
    return encoded.slice(before === 0 ? 0 : before + 1, ends);
  });
  return inner.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}
