import { describe, expect, it } from 'vitest';
import { evaluate, isKnown, UNKNOWN } from './evaluate.ts';

const known = new Map([
  ['local.region', 'eu'],
  ['var.size["big"]', 'xl'],
]);
const value = (text: string) => evaluate(text, (name) => known.get(name));

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
  ])('that has to be computed is unknown: %j', (text) => {
    expect(isKnown(value(text))).toBe(false);
  });
});
