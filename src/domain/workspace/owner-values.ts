// What a new owner gives for a workspace: environment, secrets and files that its agents hand over.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';

export interface OwnerFile {
  /** Below the owner's folder, with `/` between its parts. */
  readonly path: string;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  /** The contents. */
  readonly base64: string;
}

export interface OwnerValues {
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly files: readonly OwnerFile[];
}

/** Of each kind. */
export const MAX_OWNER_VALUES = 100;
/** Names, paths, values and contents altogether. */
export const MAX_OWNER_VALUES_BYTES = 256 * 1024;
/** Linux gives a program no variable of more than 128 KiB, and little room for all of them. */
const MAX_VARIABLE_BYTES = 32 * 1024;
const MAX_PATH_BYTES = 512;
const UNFIT = /[\\\p{Cc}]/u;

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
/** A file of this name is made of it. */
const SECRET = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/**
 * A shell that sources them fails at some, evaluates others as commands, or runs its script differently; so
 * do the programs that it starts.
 */
const KEPT_VARIABLE =
  /^(STANDBY_.*|LD_.*|BASH.*|PATH|IFS|ENV|SHELLOPTS|PS4|OPTIND|OPTERR|UID|EUID|PPID|GROUPS|RANDOM|SRANDOM|SECONDS|LINENO|FUNCNAME|DIRSTACK|HISTCMD|NODE_OPTIONS)$/;

/** Undefined when nothing was given at all. */
export function someValues(values: OwnerValues): OwnerValues | undefined {
  const { environment, secrets, files } = values;
  const count = Object.keys(environment).length + Object.keys(secrets).length + files.length;
  return count === 0 ? undefined : values;
}

/** Throws OWNER_VALUES_INVALID and OWNER_VALUES_TOO_LARGE. Never tells a value. */
export function checkOwnerValues(values: OwnerValues): void {
  const { environment, secrets, files } = values;
  const counts = {
    environment: Object.keys(environment).length,
    secrets: Object.keys(secrets).length,
    files: files.length,
  };
  for (const [kind, count] of Object.entries(counts)) {
    if (count > MAX_OWNER_VALUES) {
      throw tooLarge(`${kind} has ${count} entries; at most ${MAX_OWNER_VALUES} are taken`);
    }
  }
  const bytes = sizeOf(values);
  if (bytes > MAX_OWNER_VALUES_BYTES) {
    throw tooLarge(
      `environment, secrets and files have ${bytes} bytes; at most ${MAX_OWNER_VALUES_BYTES} are taken`,
    );
  }
  for (const [name, value] of Object.entries(environment)) checkVariable(name, value);
  for (const name of Object.keys(secrets)) checkSecret(name);
  checkFiles(files);
}

function checkVariable(name: string, value: string): void {
  const what = `environment ${excerpt(name)}`;
  if (!VARIABLE.test(name)) {
    throw invalid(`${what} is no name of a variable: letters, digits and _, no digit first`);
  }
  if (KEPT_VARIABLE.test(name)) throw invalid(`${what} cannot be given: scripts depend on it`);
  const bytes = bytesOf(value);
  if (bytes > MAX_VARIABLE_BYTES) {
    throw tooLarge(`${what} has ${bytes} bytes; a variable may have ${MAX_VARIABLE_BYTES}`);
  }
}

function checkSecret(name: string): void {
  const what = `secret ${excerpt(name)}`;
  if (!SECRET.test(name)) {
    throw invalid(`${what} is no name of a secret: letters, digits, _, - and ., no . or - first`);
  }
}

function checkFiles(files: readonly OwnerFile[]): void {
  const paths = new Set(files.map(({ path }) => path));
  if (paths.size < files.length) throw invalid('two files have one path');
  for (const { path, mode } of files) {
    const what = `file ${excerpt(path)}`;
    const parts = path.split('/');
    if (!parts.every(isPathPart) || bytesOf(path) > MAX_PATH_BYTES || UNFIT.test(path)) {
      throw invalid(
        `${what} is no path of a file: parts with / between them, none of them empty, . or .., and no \\ or control characters`,
      );
    }
    const folder = parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('/'));
    const taken = folder.find((above) => paths.has(above));
    if (taken !== undefined) throw invalid(`${what} lies below ${excerpt(taken)}, which is a file`);
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
      throw invalid(`${what} has a mode that is none from 000 to 777`);
    }
  }
}

function isPathPart(part: string): boolean {
  return part !== '' && part !== '.' && part !== '..' && bytesOf(part) <= 255;
}

function sizeOf({ environment, secrets, files }: OwnerValues): number {
  const texts = [environment, secrets].flatMap((values) => Object.entries(values).flat());
  const ofTexts = texts.reduce((sum, text) => sum + bytesOf(text), 0);
  return files.reduce(
    (sum, { path, base64 }) => sum + bytesOf(path) + decodedBytes(base64),
    ofTexts,
  );
}

const UTF_8 = new TextEncoder();

function bytesOf(text: string): number {
  return UTF_8.encode(text).length;
}

function decodedBytes(base64: string): number {
  return (base64.replace(/=+$/, '').length * 3) >> 2;
}

function invalid(detail: string): AppError {
  return new AppError('OWNER_VALUES_INVALID', detail);
}

function tooLarge(detail: string): AppError {
  return new AppError('OWNER_VALUES_TOO_LARGE', detail);
}
