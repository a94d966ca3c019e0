// A JSON document as it may arrive. What JSON.parse takes without a word and nobody can mean is
// refused: a key twice, of which it would keep one; a depth at which whoever walks the document by
// recursion overflows the stack; a key that would change what the object is.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import { describeJsonFault } from './json-fault.ts';

/** No document of the API comes near it. */
const MAX_DEPTH = 100;

/** Throws MALFORMED_JSON. Text in it may still be what PostgreSQL cannot store: see refuseUnstorable. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const detail =
      text === ''
        ? 'the body is empty'
        : `the body is not valid JSON at ${describeJsonFault(text, MAX_DEPTH) ?? 'some place'}`;
    throw new AppError('MALFORMED_JSON', detail, { cause: error });
  }
  refuseOddities(text);
  return value;
}

/** `text` must be well-formed: strings then have an end, and a colon follows keys and nothing else. */
function refuseOddities(text: string): void {
  /** The keys so far of the object one is in, and of those around it; a list has none. */
  const around: Set<string>[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) addKey(around.at(-1), text.slice(at, end));
      at = end - 1;
    } else if (character === '{' || character === '[') {
      around.push(new Set());
      if (around.length > MAX_DEPTH) {
        throw new AppError('MALFORMED_JSON', `the document is more than ${MAX_DEPTH} levels deep`);
      }
    } else if (character === '}' || character === ']') {
      around.pop();
    }
  }
}

/** Behind the quote that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (' \t\r\n'.includes(text[at] ?? ':')) at += 1;
  return text[at] === ':';
}

function addKey(keys: Set<string> | undefined, quoted: string): void {
  const key = JSON.parse(quoted) as string;
  if (key === '__proto__') {
    throw new AppError('BAD_REQUEST', `the key ${excerpt(key)} is not known`);
  }
  if (keys?.has(key) === true) {
    throw new AppError('MALFORMED_JSON', `the key ${excerpt(key)} stands twice in one object`);
  }
  keys?.add(key);
}

// What JSON can say and PostgreSQL cannot store: the null character and half a surrogate pair.
const SUSPECT = /\\u(?:0000|d[89a-f])/i;
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** Throws BAD_REQUEST for a document with such characters; whoever means them as text is told so. */
export function refuseUnstorable({ text, value }: JsonBody): void {
  if (!SUSPECT.test(text)) return;
  JSON.stringify(value, (key, inner: unknown) => {
    if (UNSTORABLE.test(key)) throw unstorable(`the key ${excerpt(key)}`);
    // Not the value: it may be a secret.
    if (typeof inner === 'string' && UNSTORABLE.test(inner)) {
      throw unstorable(`the value of ${excerpt(key)}`);
    }
    return inner;
  });
}

function unstorable(what: string): AppError {
  return new AppError('BAD_REQUEST', `${what} has a character that cannot be stored`);
}

export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}
