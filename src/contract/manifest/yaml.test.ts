import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest } from './parse.ts';
import { readYaml } from './yaml.ts';

const refusal = (text: string): string => {
  const read = readYaml(text, []);
  const { issues } = read.kind === 'read' ? read.yaml : read;
  const [issue] = issues;
  return issue === undefined
    ? 'accepted'
    : `${issue.line}:${issue.column} ${issue.code} ${issue.message}`;
};

const multiplied = (levels: number, width: number): string =>
  Array.from({ length: levels }, (_, level) => {
    const items = Array.from({ length: width }, () => (level === 0 ? 'x' : `*a${level - 1}`));
    return `a${level}: &a${level} [${items.join(', ')}]`;
  }).join('\n');

describe('readYaml', () => {
  it.each([
    ['an indentation with tabs', 'a:\n\tb: 1', '2:1 YAML_SYNTAX Tabs are not allowed'],
    ['an open bracket', 'a: [1', '1:6 YAML_SYNTAX Flow sequence'],
    ['two documents', 'a: 1\n---\nb: 2', '2:1 YAML_SYNTAX the text holds more than one document'],
    [
      'a tag of JavaScript',
      'a: !!js/function "x"',
      '1:4 YAML_SYNTAX unknown tag: tag:yaml.org,2002:js/function',
    ],
    ['a tag of its own', 'a: !mine x', '1:4 YAML_SYNTAX unknown tag: !mine'],
    ['a binary tag', 'a: !!binary aGk=', '1:4 YAML_SYNTAX unknown tag: tag:yaml.org,2002:binary'],
    [
      'a directive for terminals',
      '%\u009b2J\n---\na: 1',
      String.raw`1:1 YAML_SYNTAX Unknown directive %\u{9b}2J`,
    ],
    ['a set', 'a: !!set {b}', '1:4 YAML_SYNTAX unknown tag: tag:yaml.org,2002:set'],
    ['a key that is a list', '[a]: b', '1:1 YAML_SYNTAX'],
    ['a key twice', 'a: 1\nb: 2\na: 3', '3:1 DUPLICATE_KEY the key "a" is there twice'],
    ['a key twice, quoted', 'x: {a: 1, "a": 3}', '1:11 DUPLICATE_KEY the key "a" is there twice'],
    ['an alias of nothing', 'a: *b', '1:4 YAML_SYNTAX there is no anchor "b" before this alias'],
    [
      '33 aliases',
      `a: &a x\nb: [${'*a, '.repeat(33)}]`,
      '2:133 TOO_COMPLEX the text has more than 32 aliases',
    ],
    [
      'aliases that multiply',
      multiplied(9, 3),
      '1:1 TOO_COMPLEX the text has aliases that multiply',
    ],
    ['a billion laughs', multiplied(9, 9), '5:35 TOO_COMPLEX the text has more than 32 aliases'],
    [
      'deep lists in brackets',
      '['.repeat(60_000),
      '1:33 TOO_COMPLEX the text is nested more than 32 levels',
    ],
    // These end the whole process in a library that composes them.
    [
      'deep lists of dashes',
      '- '.repeat(30_000),
      '1:64 TOO_COMPLEX the text is nested more than 32 levels',
    ],
    ['deep keys', '? '.repeat(30_000), '1:64 TOO_COMPLEX the text is nested more than 32 levels'],
    [
      'deep mappings',
      Array.from({ length: 60 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
      '32:33 TOO_COMPLEX',
    ],
  ])('refuses %s', (_what, text, expected) => expect(refusal(text)).toContain(expected));

  it.each([
    'a: 1',
    '',
    '# nothing',
    '- 1',
    'a: &x 1\nb: *x',
    'a: !!str 1',
    '"<<": 1',
    '['.repeat(9) + ']'.repeat(9),
  ])('reads %j', (text) => expect(refusal(text)).toBe('accepted'));

  it('gives every key as text', () => {
    const read = readYaml('null: 1\ntrue: 2\n3: 4\n1.10: 5\n', []);
    expect(read).toMatchObject({ yaml: { value: { null: 1, true: 2, '3': 4, '1.10': 5 } } });
  });

  it('keeps text where a pattern says so, and nowhere else', () => {
    const read = readYaml('a: [1.10, {b: 010}]\nc: {d: ~, e: 1.10}\nf: 1.10\n', [
      ['a', '*'],
      ['c', '*'],
    ]);
    expect(read).toMatchObject({
      yaml: { value: { a: ['1.10', { b: 10 }], c: { d: '~', e: '1.10' }, f: 1.1 } },
    });
  });

  it('finds the nearest place that is there', () => {
    const read = readYaml('a:\n  - b: 1\n  - c:\nd: &x {e: 2}\nf: *x\n', []);
    if (read.kind === 'invalid') throw new Error('it is not');
    const { yaml } = read;
    expect(yaml.locate(['a', 0, 'b'], 'value')).toEqual({ line: 2, column: 8 });
    expect(yaml.locate(['a', 0, 'b'], 'key')).toEqual({ line: 2, column: 5 });
    expect(yaml.locate(['a', 1, 'c'], 'value')).toEqual({ line: 3, column: 5 });
    expect(yaml.locate(['a', 7, 'c'], 'value')).toEqual({ line: 2, column: 3 });
    expect(yaml.locate(['f', 'e'], 'value')).toEqual({ line: 4, column: 11 });
    expect(yaml.locate(['nowhere'], 'value')).toEqual({ line: 1, column: 1 });
  });

  it('survives any text', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'name: a\n',
        '- ',
        '? ',
        ': ',
        '[',
        ']',
        '{',
        '}',
        '&a ',
        '*a',
        '!!x ',
        '|\n',
        '"',
        "'",
        '\n',
        '  ',
        '#',
        '---\n',
        '%',
        '@',
        '<<: ',
        'presets:\n',
        'driver: null\n',
        '\t',
        '\0',
        '\u2028',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const parsed = parseManifest(pieces.join(''));
        if (parsed.kind === 'valid') return;
        expect(parsed.issues.length).toBeGreaterThan(0);
        for (const { line, column } of parsed.issues) {
          expect(line).toBeGreaterThan(0);
          expect(column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});
