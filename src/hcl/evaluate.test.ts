import { describe, expect, it } from 'vitest';
import { createEvaluate, isKnown, UNKNOWN } from './evaluate.ts';

const known = new Map([
  ['local.region', '"eu"'],
  ['var.size["big"]', '"xl"'],
  ['local.circle', '[local.circle]'],
]);
const value = (text: string) => createEvaluate((name) => known.get(name))(text);

describe('an expression', () => {
  it.each([
    ['"a"', 'a'],
    [`"a \\"b\\" \\\\ \\n \\u00e9 $\${x}"`, `a "b" \\ \n é $\{x}`],
    [`"\${local.region}"`, 'eu'],
    ['12', 12],
    ['-0.5', -0.5],
    ['true', true],
    ['null', null],
    ['( "a" )', 'a'],
    ['local.region', 'eu'],
    ['var.size["big"]', 'xl'],
    ['"a" # said here', 'a'],
    ['/* why */ 3', 3],
    ['<<-EOT\n    one\n      two # kept\n    EOT', 'one\n  two # kept\n'],
    ['<<EOT\n  one\nEOT', '  one\n'],
    ['<<EOT\r\none\r\ntwo\r\nEOT', 'one\r\ntwo\n'],
    [`["$\${", "$\${ \\"}"]`, ['${', `\${ "}`]],
    ['["a", 2, # two\n "b#c",\n]', ['a', 2, 'b#c']],
    ['jsonencode(["a", {b = 1}])', '["a",{"b":1}]'],
  ])('that is written out is its value: %j', (text, wanted) => {
    expect(value(text)).toEqual(wanted);
  });

  it('of an object has keys of every form', () => {
    const text = '{\n  a = "x"\n  "b-c" : 2, (local.region) = other.name\n  # no more\n}';
    const object = value(text);
    expect(object).toEqual(
      new Map<string, unknown>([
        ['a', 'x'],
        ['b-c', 2],
        ['eu', UNKNOWN],
      ]),
    );
    expect(isKnown(object)).toBe(false);
  });

  it.each([
    `"x-\${local.region}"`,
    `<<EOT\n\${local.region}\nEOT`,
    'var.other',
    'lower("A")',
    'var.a ? 1 : 2',
    '"a" == "b"',
    '(1) + (2)',
    '[for x in y : x]',
    '{for x in y : x => x}',
    'jsonencode([var.other])',
    'local.circle',
    '(<<EOT\none\nEOT\n == "one")',
  ])('that has to be computed is unknown: %j', (text) => {
    expect(isKnown(value(text))).toBe(false);
  });

  it.each([
    ['brackets', `${'('.repeat(20_000)}"x"${')'.repeat(20_000)}`],
    ['lists', `${'['.repeat(20_000)}"x"${']'.repeat(20_000)}`],
    ['what is quoted in what is quoted', '"${'.repeat(20_000)],
  ])('that nobody would write is unknown: %s', (_what, text) => {
    expect(isKnown(value(text))).toBe(false);
  });

  it('follows names that stand for names, but not for ever', () => {
    const names = createEvaluate((name) => {
      const number = Number(name.slice('local.a'.length));
      return number === 0 ? '"x"' : `local.a${number - 1}`;
    });
    expect(names('local.a50')).toBe('x');
    expect(names('local.a20000')).toBe(UNKNOWN);
  });

  it.each([
    ['lists', (before: string) => `[${before}, ${before}]`],
    ['objects', (before: string) => `{ a = ${before}, b = ${before} }`],
    ['keys', (before: string) => `jsonencode({(${before}) = ${before}})`],
    ['texts', (before: string) => `jsonencode([${before}, ${before}])`],
  ])('evaluates each name once, and gives no more than anybody would write: %s', (_what, twice) => {
    let asked = 0;
    const names = createEvaluate((name) => {
      asked += 1;
      const number = Number(name.slice('local.a'.length));
      return number === 0 ? '"x"' : twice(`local.a${number - 1}`);
    });
    expect(isKnown(names('local.a8'))).toBe(true);
    expect(isKnown(names('local.a18'))).toBe(false);
    expect(asked).toBe(19);
  });
});
