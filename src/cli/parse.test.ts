import { describe, expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import { defineCommand } from './command.ts';
import { parseArguments } from './parse.ts';

const create = defineCommand({
  name: 'create',
  summary: 'create a workspace',
  description: 'From a pool when one is ready.',
  arguments: {
    name: { summary: 'its name' },
    more: { summary: 'others', optional: true, repeat: true },
  },
  options: {
    template: { kind: 'text', value: 'NAME', summary: 'from which', required: true, short: 't' },
    onEmpty: {
      kind: 'text',
      value: 'WHAT',
      summary: 'when nothing is ready',
      choices: ['create', 'fail'],
      default: 'create',
    },
    parameter: { kind: 'text', value: 'K=V', summary: 'a value', repeat: true },
    waitSeconds: { kind: 'integer', value: 'N', summary: 'how long', min: 0, max: 600 },
    follow: { kind: 'flag', summary: 'go on' },
  },
  examples: ['standby create demo --template hello'],
  run: () => Promise.resolve(0),
});

const refusal = (...argv: string[]): string => {
  try {
    parseArguments(create, argv);
  } catch (error) {
    if (error instanceof AppError) return `${error.code} ${error.detail} | ${error.hint}`;
  }
  return 'accepted';
};

describe('parseArguments', () => {
  it('names every argument and option, given or not', () => {
    expect(parseArguments(create, ['demo', '-t', 'hello'])).toEqual({
      kind: 'run',
      globals: { json: false, url: undefined, token: undefined },
      values: {
        name: 'demo',
        more: [],
        template: 'hello',
        onEmpty: 'create',
        parameter: [],
        waitSeconds: undefined,
        follow: false,
      },
    });
  });

  it('takes an option that begins with "no" for what it is', () => {
    const remove = defineCommand({
      name: 'remove',
      summary: 'remove it',
      arguments: {},
      options: { noWait: { kind: 'flag', summary: 'end at once' } },
      run: () => Promise.resolve(0),
    });
    expect(parseArguments(remove, ['--no-wait'])).toMatchObject({ values: { noWait: true } });
    expect(parseArguments(remove, [])).toMatchObject({ values: { noWait: false } });
  });

  it('reads options in any place, repeated ones in order, and what follows -- as it is', () => {
    const argv = ['--json', 'demo', '--parameter', 'a=1', '--template=x', '--parameter', 'b=-2'];
    const rest = ['--wait-seconds', '30', '--follow', '--on-empty', 'fail', '--', '--url'];
    expect(parseArguments(create, [...argv, ...rest])).toEqual({
      kind: 'run',
      globals: { json: true, url: undefined, token: undefined },
      values: {
        name: 'demo',
        more: ['--url'],
        template: 'x',
        onEmpty: 'fail',
        parameter: ['a=1', 'b=-2'],
        waitSeconds: 30,
        follow: true,
      },
    });
  });

  it('starts every parse from nothing', () => {
    parseArguments(create, ['a', '-t', 'x', '--parameter', 'k=v']);
    expect(parseArguments(create, ['b', '-t', 'y'])).toMatchObject({ values: { parameter: [] } });
  });

  it.each([
    [['demo'], 'option --template <NAME> is required'],
    [['-t', 'x'], "missing required argument 'name'"],
    [
      ['demo', '-t', 'x', '--on-empty', 'wait'],
      "option '--on-empty <WHAT>' argument 'wait' is invalid. Allowed choices are create, fail.",
    ],
    [
      ['demo', '-t', 'x', '--wait-seconds', '601'],
      "option '--wait-seconds <N>' argument '601' is invalid. It must be a whole number from 0 up to 600.",
    ],
    [
      ['demo', '-t', 'x', '--wait-seconds', '1.5'],
      "option '--wait-seconds <N>' argument '1.5' is invalid. It must be a whole number from 0 up to 600.",
    ],
  ])('refuses %j', (argv, detail) => {
    expect(refusal(...argv)).toBe(`USAGE ${detail} | See \`standby create --help\`.`);
  });

  it('names the nearest option to an unknown one', () => {
    expect(refusal('demo', '--templat', 'x')).toBe(
      "USAGE unknown option '--templat' | Did you mean --template? See `standby create --help`.",
    );
  });

  it('names the argument that is one too many', () => {
    const show = defineCommand({
      name: 'show',
      summary: 'show it',
      arguments: { what: { summary: 'what' } },
      options: {},
      run: () => Promise.resolve(0),
    });
    expect(() => parseArguments(show, ['a', 'b\u001b', 'c'])).toThrow(
      'USAGE: argument "b\\u001b" is one too many',
    );
  });

  it('shows help although required values are missing', () => {
    const parsed = parseArguments(create, ['--help']);
    expect(parsed.kind === 'help' && parsed.text).toMatchInlineSnapshot(`
      "Usage: standby create [options] <name> [more...]

      create a workspace

      From a pool when one is ready.

      Arguments:
        name                   its name
        more                   others

      Options:
        -t, --template <NAME>  from which (required)
        --on-empty <WHAT>      when nothing is ready (choices: "create", "fail",
                               default: "create")
        --parameter <K=V>      a value
        --wait-seconds <N>     how long
        --follow               go on
        --json                 print the answer, or the error, as JSON
        --url <URL>            the control plane to talk to
        --token <TOKEN>        the token to show to it
        -h, --help             show this help

      Examples:
        standby create demo --template hello
      "
    `);
  });
});
