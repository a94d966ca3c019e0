// Values for parameters as the command line gives them: written out, or in files for those that no list
// of processes and no shell's history should have.
import { AppError } from '../../base/app-error.ts';
import type { CommandContext } from '../command.ts';
import {
  readGivenFile,
  refuseRepeated,
  splitNamed,
  STANDARD_INPUT,
  withoutLastBreak,
} from './given-file.ts';

interface Given {
  /** NAME=VALUE each. */
  readonly parameter: readonly string[];
  /** NAME=FILE each. */
  readonly parameterFile: readonly string[];
}

const VALUE = { option: '--parameter', form: 'NAME=VALUE', example: 'region=eu' };
const FILE = { option: '--parameter-file', form: 'NAME=FILE', example: 'token=token.txt' };

/** Throws USAGE for what cannot be read or is given twice. */
export async function readParameters(
  { io }: Pick<CommandContext, 'io'>,
  given: Given,
): Promise<Record<string, string>> {
  const entries = given.parameter.map((text) => splitNamed(text, VALUE));
  const files = given.parameterFile.map((text) => splitNamed(text, FILE));
  refuseRepeated(
    VALUE.option,
    [...entries, ...files].map(([name]) => name),
  );
  if (files.filter(([, file]) => file === STANDARD_INPUT).length > 1) {
    throw new AppError('USAGE', '--parameter-file names standard input more than once');
  }
  for (const [name, file] of files) {
    const text = (await readGivenFile(io, FILE.option, file)).toString('utf8');
    entries.push([name, withoutLastBreak(text)]);
  }
  return Object.fromEntries(entries);
}
