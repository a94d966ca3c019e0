// Values for parameters as the command line gives them: written out, or in files for those that no list
// of processes and no shell's history should have.
import { readFile } from 'node:fs/promises';
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { CommandContext } from '../command.ts';

interface Given {
  /** NAME=VALUE each. */
  readonly parameter: readonly string[];
  /** NAME=FILE each. */
  readonly parameterFile: readonly string[];
}

const STANDARD_INPUT = '-';

/** Throws USAGE for what cannot be read or is given twice. */
export async function readParameters(
  { io }: Pick<CommandContext, 'io'>,
  given: Given,
): Promise<Record<string, string>> {
  const entries = given.parameter.map((text) => split(text, '--parameter', 'NAME=VALUE'));
  const files = given.parameterFile.map((text) => split(text, '--parameter-file', 'NAME=FILE'));
  refuseRepeated([...entries, ...files].map(([name]) => name));
  if (files.filter(([, file]) => file === STANDARD_INPUT).length > 1) {
    throw new AppError('USAGE', '--parameter-file names standard input more than once');
  }
  for (const [name, file] of files) {
    entries.push([name, withoutLastBreak(await read(io, file))]);
  }
  return Object.fromEntries(entries);
}

function split(text: string, option: string, form: string): [string, string] {
  const at = text.indexOf('=');
  if (at >= 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new AppError('USAGE', {
    detail: `${option} is ${excerpt(text)}, not ${form}`,
    hint: `For example: ${option} ${option === '--parameter' ? 'region=eu' : 'token=token.txt'}`,
  });
}

function refuseRepeated(names: readonly string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated === undefined) return;
  throw new AppError('USAGE', `--parameter gives ${excerpt(repeated)} more than one value`);
}

async function read(io: CommandContext['io'], file: string): Promise<string> {
  if (file === STANDARD_INPUT) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of io.input()) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const detail = `--parameter-file cannot read ${excerpt(file)}: ${(error as Error).message}`;
    throw new AppError('USAGE', detail, { cause: error });
  }
}

/** Editors and `echo` end a text by a line break that nobody means. */
function withoutLastBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}
