// A command's argument list into typed values, and its help: commander, driven by the command's data.
import {
  Command as Commander,
  CommanderError,
  InvalidArgumentError,
  Option,
  Argument,
} from 'commander';
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import type { Command, GlobalOptions, IntegerOption, OptionSpec } from './command.ts';

export type Parsed =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly globals: GlobalOptions;
      readonly values: Readonly<Record<string, unknown>>;
    };

/** Fixed, so that help reads the same in a terminal, a pipe and docs/cli.md. */
const HELP_COLUMNS = 80;

/** Options that every command takes. */
export const GLOBAL_OPTIONS = {
  json: { kind: 'flag', summary: 'print the answer, or the error, as JSON' },
  url: { kind: 'text', value: 'URL', summary: 'the control plane to talk to' },
  token: { kind: 'text', value: 'TOKEN', summary: 'the token to show to it' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** Throws USAGE for what the command does not take. */
export function parseArguments(command: Command, argv: readonly string[]): Parsed {
  let help = '';
  const commander = build(command).configureOutput({
    writeOut: (text) => (help += text),
    getOutHelpWidth: () => HELP_COLUMNS,
    writeErr: () => undefined, // the error is thrown, and rendered once at the edge
  });
  try {
    commander.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: help };
    throw toUsage(command, error, commander.args);
  }
  const { json, url, token, ...options } = commander.opts<Record<string, unknown>>();
  checkRequired(command, options);
  return {
    kind: 'run',
    globals: { json: json === true, url: asText(url), token: asText(token) },
    values: { ...withAbsent(command, options), ...positional(command, commander.processedArgs) },
  };
}

/** `onEmpty` → `--on-empty`. */
export function flagName(key: string): string {
  return `--${kebab(key)}`;
}

/** `workspaceName` → `<workspace-name>`, as usage lines show it. */
function argumentName(key: string, spec: Command['arguments'][string]): string {
  const name = `${kebab(key)}${spec.repeat === true ? '...' : ''}`;
  return spec.optional === true ? `[${name}]` : `<${name}>`;
}

function build(command: Command): Commander {
  const commander = new Commander(`standby ${command.name}`)
    .summary(command.summary)
    .description([command.summary, command.description].filter(Boolean).join('\n\n'))
    .helpOption('-h, --help', 'show this help')
    .exitOverride();
  for (const [key, spec] of Object.entries(command.arguments)) {
    const argument = new Argument(argumentName(key, spec), spec.summary);
    if (spec.choices !== undefined) argument.choices(spec.choices);
    commander.addArgument(argument);
  }
  for (const [key, spec] of Object.entries({ ...command.options, ...GLOBAL_OPTIONS })) {
    commander.addOption(toOption(key, spec));
  }
  if (command.examples !== undefined) {
    const lines = command.examples.map((line) => `  ${line}\n`).join('');
    commander.addHelpText('after', `\nExamples:\n${lines.trimEnd()}`);
  }
  return commander;
}

function toOption(key: string, spec: OptionSpec): Option {
  const short = spec.short === undefined ? '' : `-${spec.short}, `;
  const value = spec.kind === 'flag' ? '' : ` <${spec.value}>`;
  const required = spec.kind !== 'flag' && spec.required === true ? ' (required)' : '';
  const option = new Option(`${short}${flagName(key)}${value}`, spec.summary + required);
  option.negate = false; // for commander `--no-wait` would be the opposite of a `--wait`
  if (spec.kind === 'flag') return option;
  if (spec.default !== undefined) option.default(spec.default);
  if (spec.kind === 'integer') return option.argParser((text) => parseInteger(spec, text));
  if (spec.choices !== undefined) option.choices(spec.choices);
  if (spec.repeat === true) option.argParser(collect(spec.choices));
  return option;
}

function collect(choices: readonly string[] | undefined) {
  return (text: string, former: readonly string[] = []): readonly string[] => {
    if (choices !== undefined && !choices.includes(text)) {
      throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
    }
    return [...former, text];
  };
}

function parseInteger(spec: IntegerOption, text: string): number {
  const number = Number(text);
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = spec;
  if (!/^-?\d+$/.test(text) || number < min || number > max) {
    const least = spec.min === undefined ? '' : ` from ${min}`;
    const most = spec.max === undefined ? '' : ` up to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number${least}${most}.`);
  }
  return number;
}

/** Here rather than in commander, which would hide a mistyped option behind the missing one. */
function checkRequired(command: Command, given: Readonly<Record<string, unknown>>): void {
  for (const [key, spec] of Object.entries(command.options)) {
    if (spec.kind === 'flag' || spec.required !== true || given[key] !== undefined) continue;
    throw usage(command, `option ${flagName(key)} <${spec.value}> is required`);
  }
}

/** Commander leaves options out that were not given; a command's values name them all. */
function withAbsent(
  command: Command,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const absent = Object.entries(command.options).map(([key, spec]): [string, unknown] => [
    key,
    absentValue(spec),
  ]);
  return { ...Object.fromEntries(absent), ...given };
}

function absentValue(spec: OptionSpec): unknown {
  if (spec.kind === 'flag') return false;
  return spec.kind === 'text' && spec.repeat === true ? [] : undefined;
}

function positional(
  command: Command,
  processed: readonly unknown[],
): Readonly<Record<string, unknown>> {
  const keys = Object.entries(command.arguments);
  return Object.fromEntries(
    keys.map(([key, spec], index) => [
      key,
      processed[index] ?? (spec.repeat === true ? [] : undefined),
    ]),
  );
}

function toUsage(command: Command, error: CommanderError, given: readonly string[]): AppError {
  if (error.code === 'commander.excessArguments') {
    const taken = Object.keys(command.arguments).length;
    return usage(command, `argument ${excerpt(given[taken] ?? '')} is one too many`);
  }
  const [line = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = /^\(Did you mean (.*)\?\)$/.exec(suggestion.join(' '))?.[1];
  return usage(command, line, meant);
}

function usage(command: Command, detail: string, meant?: string): AppError {
  const seeHelp = `See \`standby ${command.name} --help\`.`;
  return new AppError('USAGE', {
    detail,
    hint: meant === undefined ? seeHelp : `Did you mean ${meant}? ${seeHelp}`,
  });
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
