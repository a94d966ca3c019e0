import { describe, expect, it } from 'vitest';
import { COMMAND_TABLE } from '../../src/main/command-table.ts';
import { runCommandLine } from '../support/command-line.ts';

const commands = await Promise.all(
  Object.values(COMMAND_TABLE).map(async (load) => (await load()).command),
);

/** What is said of a mistake, which --json makes one document of. */
async function refusalOf(...argv: readonly string[]): Promise<Record<string, unknown>> {
  const { status, out, err } = await runCommandLine(...argv);
  return { status, out, ...(JSON.parse(err) as object) };
}

const USAGE = { status: 64, out: '', code: 'USAGE' };

describe.each(commands)('standby $name', ({ name, arguments: taken, options }) => {
  const words = name.split(' ');
  const hint = `See \`standby ${name} --help\`.`;
  const required = Object.entries(options).flatMap(([key, option]) =>
    option.kind !== 'flag' && option.required === true ? [`--${key}`, 'x'] : [],
  );
  const positional = Object.values(taken).map(({ choices }) => choices?.[0] ?? 'x');

  it('refuses an option that it does not have', async () => {
    expect(await refusalOf(...words, '--frobnicate', '--json')).toMatchObject({
      ...USAGE,
      message: "unknown option '--frobnicate'",
      hint,
    });
  });

  it('names the option that was probably meant', async () => {
    expect(await refusalOf(...words, '--tokn', 'x', '--json')).toMatchObject({
      ...USAGE,
      message: "unknown option '--tokn'",
      hint: `Did you mean --token? ${hint}`,
    });
  });

  it('names the argument that is one too many', async () => {
    const argv = [...words, ...positional, 'surplus', ...required, '--json'];
    // One that is a group of commands as well takes it for the name of one of them.
    const isGroup = commands.some((other) => other.name.startsWith(`${name} `));
    expect(await refusalOf(...argv)).toMatchObject({
      ...USAGE,
      message: isGroup
        ? `unknown command "standby ${name} surplus"`
        : 'argument "surplus" is one too many',
      hint,
    });
  });
});

const needy = commands.flatMap(({ name, arguments: taken }) => {
  const [first] = Object.entries(taken);
  return first === undefined || first[1].optional === true ? [] : [{ name, argument: first[0] }];
});

it.each(needy)('standby $name names its missing argument: $argument', async (given) => {
  expect(await refusalOf(...given.name.split(' '), '--json')).toMatchObject({
    ...USAGE,
    message: `missing required argument '${given.argument}'`,
    hint: `See \`standby ${given.name} --help\`.`,
  });
});
