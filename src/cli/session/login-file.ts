// The logins of this user: the tokens by address, and the address that is meant when none is named.
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../base/app-error.ts';
import { writePrivateFile } from '../../base/private-file.ts';
import { configDir } from '../../config/data-dir.ts';
import type { Environment } from '../command.ts';

export interface Logins {
  readonly current: string | undefined;
  /** By address without a slash at its end. */
  readonly tokens: Readonly<Record<string, string | undefined>>;
}

export function loginFile(environment: Environment): string {
  return path.join(configDir(environment), 'login.json');
}

export function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

export async function readLogins(environment: Environment): Promise<Logins> {
  const file = loginFile(environment);
  try {
    const { current, tokens } = JSON.parse(await readFile(file, 'utf8')) as Partial<Logins>;
    return { current, tokens: { ...tokens } };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { current: undefined, tokens: {} };
    throw unusable(file, error);
  }
}

/** Keeps the token and makes its address the one that is meant when none is named. */
export async function storeLogin(
  environment: Environment,
  login: { readonly url: string; readonly token: string },
): Promise<string> {
  const file = loginFile(environment);
  const url = withoutSlash(login.url);
  const { tokens } = await readLogins(environment);
  const logins: Logins = { current: url, tokens: { ...tokens, [url]: login.token } };
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writePrivateFile(file, `${JSON.stringify(logins, null, 2)}\n`);
  } catch (error) {
    throw unusable(file, error);
  }
  return file;
}

function unusable(file: string, cause: unknown): AppError {
  const detail = `the login file ${file} cannot be used: ${(cause as Error).message}`;
  const hint = 'Mend or remove it and run `standby login URL` again; XDG_CONFIG_HOME moves it.';
  return new AppError('CONFIG_INVALID', { detail, hint }, { cause });
}
