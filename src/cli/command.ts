// What a command is: one file exports one `command`, made with defineCommand. The words, the
// arguments and the options are data, from which parsing, help, docs/cli.md and shell completion come.
import type { Kit } from '../base/kit.ts';

/** The program's exit status: 0, or what the command documents. Failures are thrown as AppErrors. */
export type ExitStatus = number;

export interface CommandIo {
  /** Writes to standard output as it is; add the line end. Answers go here and nothing else. */
  out(text: string): void;
  /** Writes to standard error: progress, warnings. */
  err(text: string): void;
  /** Standard input; opened by the first call. */
  input(): AsyncIterable<Uint8Array>;
  readonly isOutTty: boolean;
  readonly isErrTty: boolean;
  readonly columns: number;
}

/** Options that every command takes, before or after its words. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly url: string | undefined;
  readonly token: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CommandContext {
  readonly kit: Kit;
  readonly io: CommandIo;
  readonly globals: GlobalOptions;
  /** For the parsers of src/config only. */
  readonly environment: Environment;
  /**
   * Aborted by the first SIGINT or SIGTERM. Until a command calls this, such a signal ends the
   * process at once; afterwards it is the command that has to end.
   */
  interrupt(): AbortSignal;
  /** Every command there is, for those that describe the others. */
  loadCommands(): Promise<readonly Command[]>;
}

export interface ArgumentSpec {
  readonly summary: string;
  readonly optional?: true;
  /** Takes all that follow; only for the last one. */
  readonly repeat?: true;
  readonly choices?: readonly string[];
}

interface OptionBase {
  readonly summary: string;
  /** One letter. */
  readonly short?: string;
}

export interface FlagOption extends OptionBase {
  readonly kind: 'flag';
}

export interface TextOption extends OptionBase {
  readonly kind: 'text';
  /** What stands for the value in the help, in capitals. */
  readonly value: string;
  readonly choices?: readonly string[];
  readonly default?: string;
  readonly required?: true;
  /** May be given several times; the value is a list, empty when it was not given. */
  readonly repeat?: true;
}

export interface IntegerOption extends OptionBase {
  readonly kind: 'integer';
  readonly value: string;
  readonly min?: number;
  readonly max?: number;
  readonly default?: number;
  readonly required?: true;
}

export type OptionSpec = FlagOption | TextOption | IntegerOption;
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;
/** By camelCase name: `onEmpty` is `--on-empty`. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface Command {
  /** The words after `standby`: "template push". */
  readonly name: string;
  /** One line without a full stop. */
  readonly summary: string;
  /** Further paragraphs of the help. */
  readonly description?: string;
  /** In order; by camelCase name. */
  readonly arguments: ArgumentSpecs;
  readonly options: OptionSpecs;
  /** Whole lines to copy, beginning with "standby". */
  readonly examples?: readonly string[];
  run(context: CommandContext, values: Readonly<Record<string, unknown>>): Promise<ExitStatus>;
}

/** Loads a command's module when it is invoked; by the command's name. */
export type CommandTable = Readonly<Record<string, () => Promise<{ readonly command: Command }>>>;

type Simplify<T> = { readonly [K in keyof T]: T[K] };
type TextOf<S> = S extends { readonly choices: readonly (infer Choice)[] } ? Choice : string;
type ArgumentValue<S> = S extends { readonly repeat: true }
  ? readonly TextOf<S>[]
  : S extends { readonly optional: true }
    ? TextOf<S> | undefined
    : TextOf<S>;
type Single<S> = S extends { readonly kind: 'integer' } ? number : TextOf<S>;
type OptionValue<S> = S extends { readonly kind: 'flag' }
  ? boolean
  : S extends { readonly repeat: true }
    ? readonly Single<S>[]
    : S extends { readonly required: true } | { readonly default: unknown }
      ? Single<S>
      : Single<S> | undefined;

/** The values a command's `run` gets, by the names of its arguments and options. */
export type Values<A extends ArgumentSpecs, O extends OptionSpecs> = Simplify<
  { [K in keyof A]: ArgumentValue<A[K]> } & { [K in keyof O]: OptionValue<O[K]> }
>;

interface Definition<A extends ArgumentSpecs, O extends OptionSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly arguments: A;
  readonly options: O;
  readonly examples?: readonly string[];
  run(context: CommandContext, values: Values<A, O>): Promise<ExitStatus>;
}

/** A command whose `run` knows the types of its values. */
export function defineCommand<const A extends ArgumentSpecs, const O extends OptionSpecs>(
  definition: Definition<A, O>,
): Command {
  return definition;
}
