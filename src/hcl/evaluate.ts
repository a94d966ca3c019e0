// The value of an expression in HCL as far as it is written there: texts, numbers, lists, objects, and
// what `resolve` knows of names. Whatever would have to be computed is UNKNOWN, never guessed.

export const UNKNOWN = Symbol('unknown');

export type HclValue =
  | string
  | number
  | boolean
  | null
  | typeof UNKNOWN
  | readonly HclValue[]
  | ReadonlyMap<string, HclValue>;

/** Of a name such as `local.region` or `var.images["go"]`, as it is written; undefined: UNKNOWN. */
export type Resolve = (name: string) => HclValue | undefined;

const NAME = /^[\p{ID_Start}_][\p{ID_Continue}-]*(?:\.[\p{ID_Continue}-]+|\[(?:\d+|"[^"]*")\])*$/u;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const HEREDOC = /^<<(-?)([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n([^]*?)\r?\n?[ \t]*\2$/u;
const KEYWORDS = new Map<string, HclValue>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

export function evaluate(text: string, resolve: Resolve): HclValue {
  const written = stripComments(text).trim();
  const keyword = KEYWORDS.get(written);
  if (keyword !== undefined) return keyword;
  if (NUMBER.test(written)) return Number(written);
  if (NAME.test(written)) return resolve(written) ?? UNKNOWN;
  const [heredoc, indented, , lines = ''] = HEREDOC.exec(written) ?? [];
  if (heredoc !== undefined) return plain(`${indented === '-' ? unindent(lines) : lines}\n`);
  const inner = written.slice(1, -1);
  if (isWhole(written, '"', '"')) return quoted(inner, resolve);
  if (isWhole(written, '(', ')')) return evaluate(inner, resolve);
  if (isWhole(written, '[', ']') && !/^\s*for\s/.test(inner)) {
    return splitItems(inner).map((item) => evaluate(item, resolve));
  }
  if (isWhole(written, '{', '}') && !/^\s*for\s/.test(inner)) return object(inner, resolve);
  if (/^jsonencode\s*\(/.test(written)) {
    const value = evaluate(written.slice('jsonencode'.length), resolve);
    return isKnown(value) ? JSON.stringify(toJson(value)) : UNKNOWN;
  }
  return UNKNOWN;
}

/** Nothing in it is UNKNOWN. */
export function isKnown(value: HclValue): boolean {
  if (value === UNKNOWN) return false;
  if (Array.isArray(value)) return (value as readonly HclValue[]).every(isKnown);
  if (!(value instanceof Map)) return true;
  return [...(value as ReadonlyMap<string, HclValue>).values()].every(isKnown);
}

function toJson(value: HclValue): unknown {
  if (Array.isArray(value)) return (value as readonly HclValue[]).map(toJson);
  if (!(value instanceof Map)) return value;
  const entries = [...(value as ReadonlyMap<string, HclValue>)];
  return Object.fromEntries(entries.map(([key, one]) => [key, toJson(one)]));
}

function object(inner: string, resolve: Resolve): HclValue {
  const values = new Map<string, HclValue>();
  for (const item of splitItems(inner)) {
    const at = separatorOf(item);
    if (at === -1) return UNKNOWN;
    const written = item.slice(0, at).trim();
    const key = /^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(written)
      ? written
      : evaluate(written, resolve);
    if (typeof key !== 'string') return UNKNOWN;
    values.set(key, evaluate(item.slice(at + 1), resolve));
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
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
    else if (text.startsWith('${', at)) {
      const end = walk(text.slice(at + 2), (character, depth) => depth === -1 && character === '}');
      at = end === -1 ? text.length : at + 2 + end;
    }
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

function quoted(inner: string, resolve: Resolve): HclValue {
  const whole = /^\$\{([^{}]*)\}$/.exec(inner)?.[1];
  if (whole !== undefined) {
    const value = evaluate(whole, resolve);
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
