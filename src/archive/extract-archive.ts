// Unpacks an archive into a folder of its own. As the folder is new and holds nothing but what is
// made here, regular files and folders, no path in it can lead anywhere else; and whoever may write
// there meanwhile cannot turn one aside.
import { mkdir, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ArchiveLimits } from './limits.ts';
import { openFolders, type OpenFolders } from './open-folders.ts';
import { readArchive, type ArchiveEntry } from './read-archive.ts';

const OPEN_MODE = 0o755; // folders, and files that may be executed
const FILE_MODE = 0o644;
/** Chunks of files are small, and each write takes a turn of a thread. */
const WRITE_BYTES = 256 * 1024;

/**
 * Creates `target`, which must not exist while its parent must, and fills it. When anything fails,
 * `target` is removed again; a process that is killed leaves it incomplete.
 */
export function extractArchive(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  target: string,
  limits?: ArchiveLimits,
): Promise<void> {
  return writeEntries(readArchive(source, limits), target);
}

/** Of entries that may be trusted as far as their paths go. */
export async function writeEntries(
  entries: AsyncIterable<ArchiveEntry>,
  target: string,
): Promise<void> {
  await mkdir(target);
  try {
    const folders = await openFolders(target, OPEN_MODE);
    const room = Buffer.allocUnsafe(WRITE_BYTES);
    try {
      for await (const entry of entries) await write(entry, folders, room);
    } finally {
      await folders.close();
    }
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw error;
  }
}

async function write(entry: ArchiveEntry, folders: OpenFolders, room: Buffer): Promise<void> {
  if (entry.kind === 'folder') {
    await folders.enter(entry.path);
    return;
  }
  const parent = dirname(entry.path);
  const folder = await folders.enter(parent === '.' ? '' : parent);
  // `wx` never follows a link and never writes to what is there.
  const file = await open(join(folder, basename(entry.path)), 'wx', FILE_MODE);
  try {
    for await (const bytes of gather(entry.content, room)) await file.writeFile(bytes);
    // The mode given to open is subject to the umask.
    await file.chmod(entry.executable ? OPEN_MODE : FILE_MODE);
  } finally {
    await file.close();
  }
}

/** The same bytes in as few pieces as there is room for; each is gone when the next one is asked for. */
async function* gather(chunks: AsyncIterable<Buffer>, room: Buffer): AsyncGenerator<Buffer> {
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      if (filled === room.length) {
        yield room;
        filled = 0;
      }
      const copied = chunk.copy(room, filled, at);
      filled += copied;
      at += copied;
    }
  }
  if (filled > 0) yield room.subarray(0, filled);
}
