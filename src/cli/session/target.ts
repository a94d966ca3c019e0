// Which control plane a command talks to, and with which token. A token is only ever shown to the
// address it belongs to, unless somebody gave it for this very call.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../base/app-error.ts';
import { createClient, type Client } from '../../client/client.ts';
import { dataDir } from '../../config/data-dir.ts';
import type { CommandContext } from '../command.ts';
import { readLogins, withoutSlash } from './login-file.ts';

export interface Target {
  readonly url: string;
  readonly token: string;
}

type Context = Pick<CommandContext, 'environment' | 'globals'>;

/** A client for the target that flags, the environment, a login or this machine's installation name. */
export async function connect(context: Context): Promise<Client> {
  return createClient(await findTarget(context));
}

/** Throws UNAUTHENTICATED, with what to do, when no address or no token of it is known. */
export async function findTarget({ environment, globals }: Context): Promise<Target> {
  const givenUrl = globals.url ?? nonEmpty(environment['STANDBY_URL']);
  const givenToken = globals.token ?? nonEmpty(environment['STANDBY_TOKEN']);
  if (givenUrl !== undefined && givenToken !== undefined) {
    return { url: givenUrl, token: givenToken };
  }

  const logins = await readLogins(environment);
  const local = await readLocal(environment);
  const url = givenUrl ?? logins.current ?? local?.url;
  if (url === undefined) {
    throw new AppError('UNAUTHENTICATED', {
      detail: 'no control plane is known here',
      hint: 'Start one with `standby up`, or name one with `standby login URL`.',
    });
  }
  const token = givenToken ?? logins.tokens[withoutSlash(url)] ?? tokenOf(local, url);
  if (token === undefined) {
    throw new AppError('UNAUTHENTICATED', {
      detail: `no token for ${url} is known here`,
      hint: `Run \`standby login ${url}\`, or set STANDBY_TOKEN.`,
    });
  }
  return { url, token };
}

function tokenOf(local: Target | undefined, url: string): string | undefined {
  return local !== undefined && withoutSlash(local.url) === withoutSlash(url)
    ? local.token
    : undefined;
}

/** What `standby up` keeps in its data folder for the command line of the same user. */
async function readLocal(environment: Context['environment']): Promise<Target | undefined> {
  const file = path.join(dataDir(environment), 'credentials.json');
  let found: Partial<Target>;
  try {
    found = JSON.parse(await readFile(file, 'utf8')) as Partial<Target>;
  } catch {
    return undefined; // there is none, or it is another user's
  }
  const { url, token } = found;
  // The address is empty until the first start listens.
  return url !== undefined && url !== '' && token !== undefined ? { url, token } : undefined;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
