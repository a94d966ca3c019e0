// The value of an expression in HCL as far as it is written there: texts, numbers, lists, objects, and
// what names stand for. Whatever would have to be computed is UNKNOWN, never guessed; so is what is too
// deep or too large for anybody to have meant it.

export const UNKNOWN = Symbol('unknown');

export type HclValue =
  | string
  | number
  | boolean
  | null
  | typeof UNKNOWN
  | readonly HclValue[]
  | ReadonlyMap<string, HclValue>;

type Evaluate = (text: string) => HclValue;

/** The expression behind a name such as `local.region` or `var.images["go"]`; undefined: UNKNOWN. */
type Lookup = (name: string) => string | undefined;

/** Of brackets and names within each other. */
const MAX_DEPTH = 100;
/** Of one value; see sizeOf. */
const MAX_SIZE = 10_000;
/** So many count as one more value. */
const CHARACTERS_EACH = 100;

const NAME = /^[\p{ID_Start}_][\p{ID_Continue}-]*(?:\.[\p{ID_Continue}-]+|\[(?:\d+|"[^"]*")\])*$/u;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const HEREDOC = /^<<(-?)([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/u;
const KEYWORDS = new Map<string, HclValue>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

export function createEvaluate(lookup: Lookup): Evaluate {
  // A name is evaluated once, however often it is mentioned: each mention of each would double the work.
  // While it is, it is UNKNOWN: names that stand for each other would do so for ever.
  const named = new Map<string, HclValue>();
  let depth = 0;

  const valueOfName = (name: string): HclValue => {
    const known = named.get(name);
    if (known !== undefined) return known;
    const text = lookup(name);
    named.set(name, UNKNOWN);
    const value = text === undefined ? UNKNOWN : evaluate(text);
    named.set(name, value);
    return value;
  };

  const evaluate: Evaluate = (text) => {
    if (depth === MAX_DEPTH) return UNKNOWN;
    depth += 1;
    const value = bounded(evaluateHere(stripComments(text).trim()));
    depth -= 1;
    return value;
  };

  const evaluateHere: Evaluate = (written) => {
    const keyword = KEYWORDS.get(written);
    if (keyword !== undefined) return keyword;
    if (NUMBER.test(written)) return Number(written);
    if (NAME.test(written)) return valueOfName(written);
    if (HEREDOC.test(written)) return heredoc(written);
    const inner = written.slice(1, -1);
    if (isWhole(written, '"', '"')) return quoted(inner, evaluate);
    if (isWhole(written, '(', ')')) return evaluate(inner);
    if (isWhole(written, '[', ']') && !/^\s*for\s/.test(inner))
      return splitItems(inner).map(evaluate);
    if (isWhole(written, '{', '}') && !/^\s*for\s/.test(inner)) return object(inner, evaluate);
    if (/^jsonencode\s*\(/.test(written)) {
      const value = evaluate(written.slice('jsonencode'.length));
      return isKnown(value) ? JSON.stringify(toJson(value)) : UNKNOWN;
    }
    return UNKNOWN;
  };

  return evaluate;
}

/** Nothing in it is UNKNOWN. */
export function isKnown(value: HclValue): boolean {
  if (value === UNKNOWN) return false;
  return partsOf(value).every(isKnown);
}

function partsOf(value: HclValue): readonly HclValue[] {
  if (Array.isArray(value)) return value as readonly HclValue[];
  if (value instanceof Map)
    return [...(value as ReadonlyMap<string, HclValue>)].flatMap((entry) => entry);
  return [];
}

/** What names stand for may double with each of them. */
function bounded(value: HclValue): HclValue {
  return sizeOf(value, MAX_SIZE) > MAX_SIZE ? UNKNOWN : value;
}

/** How many values there are in it, long texts for more than one; counted no further than `enough`. */
function sizeOf(value: HclValue, enough: number): number {
  if (typeof value === 'string') return 1 + Math.floor(value.length / CHARACTERS_EACH);
  let size = 1;
  for (const one of partsOf(value)) {
    if (size > enough) break;
    size += sizeOf(one, enough - size);
  }
  return size;
}

function toJson(value: HclValue): unknown {
  if (Array.isArray(value)) return (value as readonly HclValue[]).map(toJson);
  if (!(value instanceof Map)) return value;
  const entries = [...(value as ReadonlyMap<string, HclValue>)];
  return Object.fromEntries(entries.map(([key, one]) => [key, toJson(one)]));
}

function object(inner: string, evaluate: Evaluate): HclValue {
  const values = new Map<string, HclValue>();
  for (const item of splitItems(inner)) {
    const at = separatorOf(item);
    if (at === -1) return UNKNOWN;
    const written = item.slice(0, at).trim();
    const key = /^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(written) ? written : evaluate(written);
    if (typeof key !== 'string') return UNKNOWN;
    values.set(key, evaluate(item.slice(at + 1)));
  }
  return values;
}

/** Where the key ends: at an `=` or `:` outside of quotes and brackets. */
function separatorOf(item: string): number {
  return walk(item, (character, depth) => depth === 0 && '=:'.includes(character));
}

function splitItems(text: string): readonly string[] {
  const items: string[] = [];
  for (let rest = text; rest !== '';) {
    const end = walk(rest, (character, depth) => depth === 0 && ',\n'.includes(character));
    const item = end === -1 ? rest : rest.slice(0, end);
    if (item.trim() !== '') items.push(item);
    rest = end === -1 ? '' : rest.slice(end + 1);
  }
  return items;
}

/** The first place outside of quoted texts for which `isIt`; -1 where there is none. */
function walk(text: string, isIt: (character: string, depth: number) => boolean): number {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') {
      at = endOfQuoted(text, at);
      continue;
    }
    if (')]}'.includes(character)) depth -= 1;
    if (isIt(character, depth)) return at;
    if ('([{'.includes(character)) depth += 1;
  }
  return -1;
}

/** Of the quote that closes the one at `from`; what is computed in it may have quotes, too. */
function endOfQuoted(text: string, from: number): number {
  // Of each template that is open, how many of its brackets are. Texts and templates take turns.
  const templates: number[] = [];
  let isInText = true;
  for (let at = from + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    const open = templates.at(-1);
    if (isInText) {
      if (character === '\\') at += 1;
      else if (text.startsWith('$${', at)) at += 2;
      else if (text.startsWith('${', at)) {
        templates.push(0);
        isInText = false;
        at += 1;
      } else if (character === '"') {
        if (open === undefined) return at;
        isInText = false;
      }
    } else if (character === '"') isInText = true;
    else if (open === 0 && character === '}') {
      templates.pop();
      isInText = true;
    } else if ('([{'.includes(character)) templates.push((templates.pop() ?? 0) + 1);
    else if (')]}'.includes(character)) templates.push((templates.pop() ?? 0) - 1);
  }
  return text.length;
}

/** The brackets at its ends belong together. */
function isWhole(text: string, opening: string, closing: string): boolean {
  if (text.length < 2 || !text.startsWith(opening) || !text.endsWith(closing)) return false;
  if (opening === '"') return endOfQuoted(text, 0) === text.length - 1;
  return (
    walk(text.slice(1), (character, depth) => depth === -1 && character === closing) ===
    text.length - 2
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
};

function quoted(inner: string, evaluate: Evaluate): HclValue {
  const whole = /^\$\{([^{}]*)\}$/.exec(inner)?.[1];
  if (whole !== undefined) {
    const value = evaluate(whole);
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  }
  const text = plain(inner);
  if (typeof text !== 'string') return UNKNOWN;
  return text.replaceAll(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^])/g, (_all, code: string) =>
    code.length > 1
      ? String.fromCodePoint(Number.parseInt(code.slice(1), 16))
      : (ESCAPES[code] ?? code),
  );
}

/** It ends with a line that has its marker alone. */
function heredoc(written: string): HclValue {
  const [head = '', indented, marker] = HEREDOC.exec(written) ?? [];
  const end = written.lastIndexOf('\n');
  if (written.slice(end).trim() !== marker) return UNKNOWN;
  const lines = written.slice(head.length, Math.max(head.length, end)).replace(/\r$/, '');
  return plain(`${indented === '-' ? unindent(lines) : lines}\n`);
}

/** Text in which nothing is computed. */
function plain(text: string): HclValue {
  if (/(?<!\$)\$\{|(?<!%)%\{/.test(text)) return UNKNOWN;
  return text.replaceAll('$${', '${').replaceAll('%%{', '%{');
}

function unindent(text: string): string {
  const lines = text.split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const least = Math.min(...indents);
  return lines.map((line) => line.slice(Math.min(least, line.length))).join('\n');
}

/** Line by line, outside of texts; what is in a heredoc stays. */
function stripComments(text: string): string {
  if (text.trimStart().startsWith('<<')) return text;
  let stripped = '';
  for (let rest = text; rest !== '';) {
    const at = commentOf(rest);
    if (at === -1) return stripped + rest;
    stripped += rest.slice(0, at);
    const isLong = rest.startsWith('/*', at);
    const end = isLong ? rest.indexOf('*/', at + 2) : rest.indexOf('\n', at);
    rest = end === -1 ? '' : rest.slice(isLong ? end + 2 : end);
  }
  return stripped;
}

function commentOf(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"') at = endOfQuoted(text, at);
    else if (text[at] === '#' || text.startsWith('//', at) || text.startsWith('/*', at)) return at;
  }
  return -1;
}
