// Makes the cluster: everything in a scratch folder, then one rename, so that a cluster that exists
// is complete, whatever was killed when.
import { appendFile, chown, lchown, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import type { ServerAccount } from './account.ts';
import { failed } from './failure.ts';
import { syncFolder } from '../base/folder.ts';
import type { Layout } from './layout.ts';
import { runProgram } from './run-program.ts';
import { createScratchFolder, removeFolder } from './scratch-folder.ts';
import { commandLineSettings, configurationLines, INITIAL_SETTINGS } from './settings.ts';
import type { Software } from './software.ts';

/** Standby's role and database. The role is no superuser: it can do what it can on any other server. */
export const ROLE = 'standby';
export const DATABASE = 'standby';

/** Cannot log in: no line of pg_hba.conf lets it. */
const SUPERUSER = 'postgres';

export interface ClusterRequest {
  readonly layout: Layout;
  readonly account: ServerAccount;
  readonly software: Software;
  readonly password: string;
  /** Those of the server that will run on it. */
  readonly settings: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

export interface ExistingCluster {
  readonly ownerUid: number;
  readonly ownerGid: number;
  readonly majorVersion: number;
}

export async function findCluster(layout: Layout): Promise<ExistingCluster | undefined> {
  let owner;
  try {
    owner = await stat(layout.cluster);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const file = path.join(layout.cluster, 'PG_VERSION');
  let version: string;
  try {
    version = await readFile(file, 'utf8');
  } catch (error) {
    const detail = `${layout.cluster} is not a PostgreSQL cluster that can be read: ${(error as Error).message}`;
    throw new AppError('DATA_FOLDER_UNUSABLE', { detail }, { cause: error });
  }
  return {
    ownerUid: owner.uid,
    ownerGid: owner.gid,
    majorVersion: Number.parseInt(version, 10),
  };
}

export async function createCluster(kit: Kit, request: ClusterRequest): Promise<void> {
  const { layout, account } = request;
  const scratch = await createScratchFolder(kit, layout.root);
  try {
    await giveFolder(scratch, account);
    await initialise(request, scratch);
    await createRoleAndDatabase(request, scratch);
    await moveIntoPlace(kit, scratch, layout);
  } finally {
    await removeFolder(scratch);
  }
}

/** Hands a cluster that root copied or made to the account that shall run it. */
export async function giveCluster(layout: Layout, account: ServerAccount): Promise<void> {
  const entries = await readdir(layout.cluster, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    await lchown(path.join(entry.parentPath, entry.name), account.uid, account.gid);
  }
  // Last, because its owner says whether this was done.
  await chown(layout.cluster, account.uid, account.gid);
}

async function giveFolder(folder: string, account: ServerAccount): Promise<void> {
  if (account.kind === 'user') await chown(folder, account.uid, account.gid);
}

async function initialise(request: ClusterRequest, folder: string): Promise<void> {
  const { account, software, signal } = request;
  const command = [
    software.binaries.initdb,
    ...['-D', folder, '-U', SUPERUSER, '--auth=reject', '--encoding=UTF8', '--data-checksums'],
    ...localeOptions(software.majorVersion),
    // Who runs the server so does not wait for the disk here either.
    ...(request.settings['fsync'] === 'off' ? ['--no-sync'] : []),
  ] as const;
  const result = await runProgram(account, command, { signal });
  if (result.exitCode !== 0) throw failed('initdb could not make the cluster', result.output);
  await rewriteFile(path.join(folder, 'pg_hba.conf'), HOST_RULES);
  await appendFile(
    path.join(folder, 'postgresql.conf'),
    `\n# Set by Standby when it made this cluster; yours to change.\n${configurationLines(INITIAL_SETTINGS)}`,
    { flush: true },
  );
}

// An order that does not change with a library's version: indexes on text stay valid for ever.
function localeOptions(majorVersion: number): readonly string[] {
  return majorVersion >= 17
    ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
    : ['--locale-provider=libc', '--locale=C'];
}

const HOST_RULES = `# Written by Standby. The socket's folder keeps other users out; the password does so again.
local all ${ROLE} scram-sha-256
`;

async function createRoleAndDatabase(request: ClusterRequest, folder: string): Promise<void> {
  await runSingleUser(request, folder, [
    `create role ${ROLE} login createdb password '${request.password}'`,
    `create database ${DATABASE} owner ${ROLE}`,
  ]);
}

/** Gives the role of a cluster whose server does not run a new password. */
export async function resetPassword(request: ClusterRequest): Promise<void> {
  await runSingleUser(request, request.layout.cluster, [
    `alter role ${ROLE} password '${request.password}'`,
  ]);
}

/** One statement per line, each in its own transaction, without anybody else connected. */
async function runSingleUser(
  request: ClusterRequest,
  folder: string,
  statements: readonly string[],
): Promise<void> {
  const { account, software, signal } = request;
  const settings = commandLineSettings({
    ...request.settings,
    exit_on_error: 'on',
    // The statements hold the password.
    log_min_error_statement: 'panic',
    password_encryption: 'scram-sha-256',
  });
  const result = await runProgram(
    account,
    [software.binaries.postgres, '--single', '-D', folder, ...settings, 'postgres'],
    { input: `${statements.join('\n')}\n`, signal },
  );
  if (result.exitCode !== 0) throw failed('the cluster could not be prepared', result.output);
}

async function moveIntoPlace(kit: Kit, scratch: string, layout: Layout): Promise<void> {
  try {
    await rename(scratch, layout.cluster);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    kit.log.info('embedded_postgres.other_start_was_faster', { cluster: layout.cluster });
    return;
  }
  await syncFolder(layout.root);
}

async function rewriteFile(file: string, text: string): Promise<void> {
  const handle = await open(file, 'r+'); // keeps its owner, whom root is not
  try {
    await handle.truncate();
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
