// What `terraform init` fetched for a version of a template, kept for that version's later builds:
// providers, modules and the lock file that names them.
//
// Terraform's own plugin cache is not safe for two at once: it writes into packages that others run.
// Here nothing that others use is written to: an entry is made aside and appears by one rename, and
// an attempt gets hard links to it. An entry that goes takes nothing away from whoever linked it.
import { copyFile, cp, mkdir, readdir, rename, utimes } from 'node:fs/promises';
import path from 'node:path';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import type { Kit } from '../../../base/kit.ts';
import { removeTree } from '../../../base/remove-tree.ts';
import { listLeastUsed } from '../../least-used.ts';
import { linkTree } from './link-tree.ts';

export interface InitCache {
  /** Puts what is kept under `key` into the module's folder; false when nothing is. */
  adopt(key: string, moduleFolder: string): Promise<boolean>;
  /** Keeps what `terraform init` made in the module's folder, unless it was kept meanwhile. */
  keep(key: string, moduleFolder: string): Promise<void>;
  /** Forgets what is kept under `key`, and takes it out of the module's folder. */
  drop(key: string, moduleFolder: string): Promise<void>;
}

/** As many versions as a daemon keeps archives of. */
const MAX_ENTRIES = 50;

const LOCK_FILE = '.terraform.lock.hcl';
/** Within the module's folder, laid out as Terraform's mirrors are. */
export const PROVIDERS = path.join('.terraform', 'providers');
const MODULES = path.join('.terraform', 'modules');

export function createInitCache(kit: Pick<Kit, 'clock' | 'rng'>, folder: string): InitCache {
  // The folder is this daemon's alone, so what it does in turn nobody disturbs.
  const turns = createKeyedMutex();
  let opened: Promise<void> | undefined;
  const open = (): Promise<void> => (opened ??= sweep(folder));
  const aside = (): string =>
    path.join(folder, `.${Buffer.from(kit.rng.bytes(9)).toString('base64url')}`);
  const entryOf = (key: string): string => path.join(folder, key);

  const touch = async (entry: string): Promise<void> => {
    const nowSeconds = kit.clock.now() / 1_000;
    await utimes(entry, nowSeconds, nowSeconds);
  };
  const removeEntry = async (entry: string): Promise<void> => {
    const scratch = aside();
    await ifThere(rename(entry, scratch));
    await removeTree(scratch);
  };

  return {
    adopt: async (key, moduleFolder) => {
      await open();
      const entry = entryOf(key);
      try {
        await touch(entry);
        await copyFetched(entry, moduleFolder);
        // Still there: what was copied is the whole of it.
        await touch(entry);
        return true;
      } catch (error) {
        if (!isMissing(error)) throw error;
        // Not kept, or it went just now: then `init` begins anew.
        await removeTree(path.join(moduleFolder, '.terraform'));
        return false;
      }
    },
    keep: (key, moduleFolder) =>
      turns.run('keep', async () => {
        await open();
        const scratch = aside();
        await mkdir(scratch, { mode: 0o700 });
        await copyFetched(moduleFolder, scratch, await listEntries(folder));
        try {
          await rename(scratch, entryOf(key));
        } catch (error) {
          if (!isThere(error)) throw error;
          await removeTree(scratch);
        }
        for (const entry of await listLeastUsed(folder, MAX_ENTRIES)) await removeEntry(entry);
      }),
    drop: (key, moduleFolder) =>
      turns.run('keep', async () => {
        await removeEntry(entryOf(key));
        await removeTree(path.join(moduleFolder, '.terraform'));
      }),
  };
}

/** What a crash left aside. */
async function sweep(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    if (name.startsWith('.')) await removeTree(path.join(folder, name));
  }
}

/** Providers that one of `others` holds too, as another version of a template does, are stored once. */
async function copyFetched(
  from: string,
  to: string,
  others: readonly string[] = [],
): Promise<void> {
  const twins = others.map((other) => path.join(other, PROVIDERS));
  await ifThere(linkTree(path.join(from, PROVIDERS), path.join(to, PROVIDERS), twins));
  // Copied, because `init` may write into modules.
  await ifThere(cp(path.join(from, MODULES), path.join(to, MODULES), { recursive: true }));
  await ifThere(copyFile(path.join(from, LOCK_FILE), path.join(to, LOCK_FILE)));
}

async function listEntries(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  return names.filter((name) => !name.startsWith('.')).map((name) => path.join(folder, name));
}

/** A module may need no provider, no module and so no lock file. */
async function ifThere(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function isThere(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}
