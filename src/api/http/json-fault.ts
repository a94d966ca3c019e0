// Where a text stops being JSON, and what ought to stand there. The parser's own message has the place
// of some faults only, and quotes the document: a piece of it may be part of a secret.

const SPACE = /[ \t\r\n]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

type Container = 'object' | 'list';
/** What may come next; in a container: behind one of its parts. */
type Place = Container | 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'end';

const EXPECTED: Readonly<Record<Place, string>> = {
  value: 'a value',
  'first value': 'a value or "]"',
  key: 'a key in double quotes',
  'first key': 'a key in double quotes or "}"',
  colon: '":"',
  object: '"," or "}"',
  list: '"," or "]"',
  end: 'nothing more',
};

/** The marks that may stand in a place, beside keys and values, and what they lead to. */
const MARKS: Readonly<Record<Place, Readonly<Record<string, Place | 'open' | 'close'>>>> = {
  value: { '{': 'open', '[': 'open' },
  'first value': { '{': 'open', '[': 'open', ']': 'close' },
  key: {},
  'first key': { '}': 'close' },
  colon: { ':': 'value' },
  object: { ',': 'key', '}': 'close' },
  list: { ',': 'value', ']': 'close' },
  end: {},
};

/**
 * For example `line 1, column 13: expected a value`; undefined for text that is JSON. Looks no deeper
 * than `maxDepth`.
 */
export function describeJsonFault(text: string, maxDepth: number): string | undefined {
  const around: Container[] = [];
  let place = 'value' as Place;
  for (let at = endOf(SPACE, text, 0) ?? 0; at < text.length || place !== 'end';) {
    const mark = text.charAt(at);
    const leadsTo = MARKS[place][mark];
    let end: number | undefined = at + 1;
    if (leadsTo === 'open') {
      if (around.length === maxDepth)
        return `${placeOf(text, at)}: more than ${maxDepth} levels deep`;
      around.push(mark === '{' ? 'object' : 'list');
      place = mark === '{' ? 'first key' : 'first value';
    } else if (leadsTo === 'close') {
      around.pop();
      place = around.at(-1) ?? 'end';
    } else if (leadsTo !== undefined) {
      place = leadsTo;
    } else {
      end = endOfPart(place, text, at);
      if (end === undefined) return `${placeOf(text, at)}: ${complain(text, at, place)}`;
      place = place === 'key' || place === 'first key' ? 'colon' : (around.at(-1) ?? 'end');
    }
    at = endOf(SPACE, text, end) ?? end;
  }
  return undefined;
}

/** Behind the key or the text, number or word that begins at `at`; undefined when there is none. */
function endOfPart(place: Place, text: string, at: number): number | undefined {
  switch (place) {
    case 'key':
    case 'first key':
      return endOfText(text, at);
    case 'value':
    case 'first value':
      return endOfText(text, at) ?? endOf(SCALAR, text, at);
    default:
      return undefined;
  }
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Behind the text in quotes that begins at `at`. Step by step: a pattern gives up at some megabytes. */
function endOfText(text: string, at: number): number | undefined {
  if (text.charAt(at) !== '"') return undefined;
  for (let next = at + 1; ;) {
    const character = text.charAt(next);
    if (character === '"') return next + 1;
    // Control characters, and the end.
    if (character < ' ') return undefined;
    if (character !== '\\') next += 1;
    else {
      const end = endOf(ESCAPE, text, next);
      if (end === undefined) return undefined;
      next = end;
    }
  }
}

function placeOf(text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

function complain(text: string, at: number, place: Place): string {
  const isText = text.charAt(at) === '"' && /key|value/.test(place);
  if (isText) return 'the text that begins here has no end, or needs a backslash in it';
  return `expected ${EXPECTED[place]}${at === text.length ? ', and the body ends' : ''}`;
}
