// What the command line gives for the new owner: variables written out, secrets and files from files.
import { stat } from 'node:fs/promises';
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { OwnerValuesInput } from '../../contract/workspace/owner-values.ts';
import type { CommandContext } from '../command.ts';
import {
  readGivenFile,
  refuseRepeated,
  splitNamed,
  STANDARD_INPUT,
  withoutLastBreak,
  type NamedOption,
} from './given-file.ts';

interface Given {
  /** NAME=VALUE each. */
  readonly env: readonly string[];
  /** NAME=@FILE each. */
  readonly secret: readonly string[];
  /** PATH=@FILE each. */
  readonly file: readonly string[];
}

type OwnerFile = NonNullable<OwnerValuesInput['files']>[string];

const ENV = { option: '--env', form: 'NAME=VALUE', example: 'STAGE=test' };
const SECRET = {
  option: '--secret',
  form: 'NAME=@FILE',
  example: 'token=@token.txt',
  isSecret: true,
};
const FILE = { option: '--file', form: 'PATH=@FILE', example: '.npmrc=@.npmrc' };

/** Throws USAGE for what cannot be read or is given twice. */
export async function readOwnerValues(
  { io }: Pick<CommandContext, 'io'>,
  given: Given,
): Promise<OwnerValuesInput> {
  const environment = given.env.map((text) => splitNamed(text, ENV));
  const secrets = given.secret.map((text) => splitFile(text, SECRET));
  const files = given.file.map((text) => splitFile(text, FILE));
  refuseRepeated(ENV.option, environment.map(nameOf));
  refuseRepeated(SECRET.option, secrets.map(nameOf));
  refuseRepeated(FILE.option, files.map(nameOf));
  if ([...secrets, ...files].filter(([, file]) => file === STANDARD_INPUT).length > 1) {
    throw new AppError('USAGE', '--secret and --file name standard input more than once');
  }
  const secretTexts: [string, string][] = [];
  for (const [name, file] of secrets) {
    const text = decodeSecret(name, await readGivenFile(io, SECRET.option, file));
    // A file is given as it is: a private key is broken without its last line break.
    secretTexts.push([name, file === STANDARD_INPUT ? withoutLastBreak(text) : text]);
  }
  const fileBodies: [string, OwnerFile][] = [];
  for (const [path, file] of files) {
    const content = (await readGivenFile(io, FILE.option, file)).toString('base64');
    fileBodies.push([path, { content, encoding: 'base64', mode: await modeOf(file) }]);
  }
  return {
    environment: Object.fromEntries(environment),
    secrets: Object.fromEntries(secretTexts),
    files: Object.fromEntries(fileBodies),
  };
}

/** A secret that is written out stands in the shell's history, so none is taken. */
function splitFile(text: string, option: NamedOption): [string, string] {
  const [name, given] = splitNamed(text, option);
  if (given.startsWith('@') && given.length > 1) return [name, given.slice(1)];
  throw new AppError('USAGE', {
    detail: `${option.option} is not ${option.form}`,
    hint: `For example: ${option.option} ${option.example}; @- is standard input`,
  });
}

/** Secrets are texts, on the way and in the database; files may have any bytes. */
function decodeSecret(name: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    const detail = `${SECRET.option} ${excerpt(name)} is no text in UTF-8`;
    const hint = `Give it as a file: ${FILE.option} ${FILE.form}`;
    throw new AppError('USAGE', { detail, hint }, { cause: error });
  }
}

/** As the file has it, for those who own it. */
async function modeOf(file: string): Promise<string> {
  const mode = file === STANDARD_INPUT ? 0o600 : (await stat(file)).mode & 0o700;
  return mode.toString(8).padStart(3, '0');
}

function nameOf([name]: readonly [string, string]): string {
  return name;
}
