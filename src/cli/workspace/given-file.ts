// What an option names by its file, and NAME=SOMETHING options altogether.
import { readFile } from 'node:fs/promises';
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { CommandContext } from '../command.ts';

export const STANDARD_INPUT = '-';

export interface NamedOption {
  /** For example `--parameter`. */
  readonly option: string;
  /** NAME=VALUE or the like. */
  readonly form: string;
  readonly example: string;
  /** What was given is not repeated, not even where it is wrong. */
  readonly isSecret?: boolean;
}

/** Throws USAGE. */
export function splitNamed(
  text: string,
  { option, form, example, isSecret = false }: NamedOption,
): [string, string] {
  const at = text.indexOf('=');
  if (at >= 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new AppError('USAGE', {
    detail: `${option} is ${isSecret ? '' : `${excerpt(text)}, `}not ${form}`,
    hint: `For example: ${option} ${example}`,
  });
}

/** Throws USAGE for what cannot be read. */
export async function readGivenFile(
  io: CommandContext['io'],
  option: string,
  file: string,
): Promise<Buffer> {
  if (file === STANDARD_INPUT) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of io.input()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
  try {
    return await readFile(file);
  } catch (error) {
    const detail = `${option} cannot read ${excerpt(file)}: ${(error as Error).message}`;
    throw new AppError('USAGE', detail, { cause: error });
  }
}

/** Throws USAGE for a name that stands twice. */
export function refuseRepeated(option: string, names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated === undefined) return;
  throw new AppError('USAGE', `${option} gives ${excerpt(repeated)} more than one value`);
}

/** Editors and `echo` end a text by a line break that nobody means. */
export function withoutLastBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}
