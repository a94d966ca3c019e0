// Makes the found binaries runnable by the account that runs the server: in place where that works,
// else from a copy below the data folder (a checkout below a private home, a read-only one without
// its library links).
import { chmod, cp, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import type { Kit } from '../base/kit.ts';
import type { ServerAccount } from './account.ts';
import { binariesOfPackage, linkLibraries, type Binaries } from './binaries.ts';
import { ensureFolder } from '../base/folder.ts';
import type { Layout } from './layout.ts';
import { runProgram } from './run-program.ts';
import { createScratchFolder, removeFolder, sweepScratchFolders } from './scratch-folder.ts';

export interface Software {
  readonly kind: 'usable';
  readonly binaries: Binaries;
  readonly majorVersion: number;
}

export interface UnusableSoftware {
  readonly kind: 'unusable';
  readonly why: string;
}

export interface SoftwareRequest {
  readonly found: Binaries;
  readonly account: ServerAccount;
  readonly layout: Layout;
  readonly signal: AbortSignal | undefined;
}

export async function prepareSoftware(
  kit: Kit,
  request: SoftwareRequest,
): Promise<Software | UnusableSoftware> {
  const { found, account, signal } = request;
  const { packageFolder } = found;
  const linked = packageFolder === undefined || (await linkLibraries(packageFolder));
  const inPlace = linked
    ? await tryBinaries(account, found, signal)
    : ({ kind: 'unusable', why: 'the links between its libraries cannot be made' } as const);
  if (inPlace.kind === 'usable' || packageFolder === undefined) return inPlace;
  if (linked && !(await runsForCaller(account, found, signal))) return inPlace;
  return useCopy(kit, request, packageFolder);
}

/** Whether it is the account that keeps them from running; else a copy would not run either. */
async function runsForCaller(
  account: ServerAccount,
  binaries: Binaries,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (account.kind === 'self') return false;
  const caller: ServerAccount = { kind: 'self', uid: 0, gid: 0 };
  return (await tryBinaries(caller, binaries, signal)).kind === 'usable';
}

async function useCopy(
  kit: Kit,
  request: SoftwareRequest,
  packageFolder: string,
): Promise<Software | UnusableSoftware> {
  const { found, account, layout, signal } = request;
  const folder = path.join(layout.softwareFolder, found.packageVersion);
  const copy = binariesOfPackage(folder, found.packageVersion);
  const existing = await tryBinaries(account, copy, signal);
  if (existing.kind === 'usable') return existing;
  await ensureFolder(layout.softwareFolder, 0o755);
  await sweepScratchFolders(kit, layout.softwareFolder);
  const isThere = async (): Promise<boolean> =>
    (await tryBinaries(account, copy, signal)).kind === 'usable';
  await copyPackage(kit, { from: packageFolder, to: folder, isThere });
  return tryBinaries(account, copy, signal);
}

interface Copying {
  readonly from: string;
  readonly to: string;
  /** Whether another start has made it meanwhile. */
  readonly isThere: () => Promise<boolean>;
}

async function copyPackage(kit: Kit, { from, to, isThere }: Copying): Promise<void> {
  const scratch = await createScratchFolder(kit, path.dirname(to));
  try {
    // Archives are for linking other programs.
    const filter = (file: string): boolean => !file.endsWith('.a');
    await cp(from, path.join(scratch, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      filter,
    });
    const copied = path.join(scratch, 'native');
    await linkLibraries(copied);
    await openToAll(copied);
    // One of another start is as good, and may run by now: a server whose libraries are away for a moment does not
    // start. One that cannot run is replaced.
    if (await isThere()) return;
    await rename(to, path.join(scratch, 'former')).catch(ignoreMissing);
    await rename(copied, to).catch(ignoreExisting);
    kit.log.info('embedded_postgres.binaries_copied', { from, to });
  } finally {
    await removeFolder(scratch);
  }
}

async function tryBinaries(
  account: ServerAccount,
  binaries: Binaries,
  signal: AbortSignal | undefined,
): Promise<Software | UnusableSoftware> {
  const { exitCode, output } = await runProgram(account, [binaries.postgres, '--version'], {
    signal,
  });
  const majorVersion = exitCode === 0 ? parseMajorVersion(output) : undefined;
  if (majorVersion !== undefined) return { kind: 'usable', binaries, majorVersion };
  return { kind: 'unusable', why: `${binaries.postgres} cannot be run: ${output.trim()}` };
}

/** The 18 of `postgres (PostgreSQL) 18.4 (Debian 18.4-1)`. */
export function parseMajorVersion(answer: string): number | undefined {
  const major = /^postgres \(PostgreSQL\) (\d+)/.exec(answer)?.[1];
  return major === undefined ? undefined : Number(major);
}

/** A package installed under a strict umask is its owner's alone. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isDirectory() || /\/bin$/.test(entry.parentPath)) await chmod(file, 0o755);
    else if (entry.isFile()) await chmod(file, 0o644);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}
