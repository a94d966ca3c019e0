// Lists what of a folder goes into an archive, in the archive's order. Anything that an archive
// cannot hold is refused here by its path, before something is packed.
import { lstat, readdir } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import type { AppError } from '../base/app-error.ts';
import { createEntryTree, type EntryTree } from './entry-tree.ts';
import { assertEntryPath } from './entry-path.ts';
import { archiveInvalid, archiveTooLarge, type ArchiveReason } from './fault.ts';
import type { ArchiveLimits } from './limits.ts';
import type { EntryToWrite } from './tar-writer.ts';
import { decodeStrictly } from './text.ts';

/**
 * Left out wherever they stand: what tools keep for themselves beside a template. Terraform's state
 * holds secrets, and its plugins are links to what every daemon fetches for itself.
 */
export const SKIPPED_NAMES: readonly string[] = [
  '.git',
  '.terraform',
  'terraform.tfstate',
  'terraform.tfstate.backup',
  'errored.tfstate',
  '.DS_Store',
];

export interface Listing {
  readonly entries: readonly EntryToWrite[];
  /** The paths that were left out. */
  readonly skipped: readonly string[];
}

/** Everything below `root`, a folder before what is in it, siblings by the bytes of their names. */
export async function listFolder(root: string, limits: ArchiveLimits): Promise<Listing> {
  const entries: EntryToWrite[] = [];
  const skipped: string[] = [];
  const tree = createEntryTree(limits);
  let size = 0;

  const visit = async (folder: string): Promise<void> => {
    for (const name of await readNames(root, folder)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (SKIPPED_NAMES.includes(name)) {
        skipped.push(path);
        continue;
      }
      const entry = await describe(root, path, { limits, tree });
      size += entry.size;
      if (size > limits.unpackedBytes) throw archiveTooLarge(limits, 'unpackedBytes', path);
      entries.push(entry);
      if (entry.kind === 'folder') await visit(path);
    }
  };
  await visit('');
  return { entries, skipped };
}

async function readNames(root: string, folder: string): Promise<readonly string[]> {
  const names = await readdir(folder === '' ? root : `${root}/${folder}`, { encoding: 'buffer' });
  return names
    .sort((a, b) => Buffer.compare(a, b))
    .map((name) => {
      const text = decodeStrictly(name);
      if (text !== undefined) return text;
      const path = `${folder === '' ? '' : `${folder}/`}${name.toString('latin1')}`;
      throw archiveInvalid({
        reason: 'path_encoding',
        problem: 'has a name that is not UTF-8',
        path,
      });
    });
}

interface Judges {
  readonly limits: ArchiveLimits;
  readonly tree: EntryTree;
}

async function describe(root: string, path: string, judges: Judges): Promise<EntryToWrite> {
  assertEntryPath(path, judges.limits);
  const stats = await lstat(`${root}/${path}`);
  const kind = stats.isDirectory() ? 'folder' : 'file';
  if (kind === 'file' && !stats.isFile()) throw refuse(stats, path);
  judges.tree.add(path, kind);
  return kind === 'folder'
    ? { path, kind, executable: false, size: 0 }
    : { path, kind, executable: (stats.mode & 0o100) !== 0, size: stats.size };
}

function refuse(stats: Stats, path: string): AppError {
  const [reason, what]: readonly [ArchiveReason, string] = stats.isSymbolicLink()
    ? ['symbolic_link', 'a symbolic link']
    : stats.isFIFO()
      ? ['fifo', 'a named pipe']
      : stats.isSocket()
        ? ['socket', 'a socket']
        : ['device', 'a device'];
  return archiveInvalid({ reason, problem: `is ${what}, not a regular file or folder`, path });
}
