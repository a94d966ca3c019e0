// Unpacks an archive into a folder of its own. As the folder is new and holds nothing but what is
// made here, regular files and folders, no path in it can lead anywhere else.
import { chmod, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArchiveLimits } from './limits.ts';
import { readArchive, type ArchiveEntry } from './read-archive.ts';

const OPEN_MODE = 0o755; // folders, and files that may be executed
const FILE_MODE = 0o644;

/**
 * Creates `target`, which must not exist while its parent must, and fills it. When anything fails,
 * `target` is removed again; a process that is killed leaves it incomplete.
 */
export async function extractArchive(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  target: string,
  limits?: ArchiveLimits,
): Promise<void> {
  await mkdir(target);
  try {
    await chmod(target, OPEN_MODE);
    const made = new Set([target]);
    for await (const entry of readArchive(source, limits)) await write(entry, target, made);
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw error;
  }
}

async function write(entry: ArchiveEntry, target: string, made: Set<string>): Promise<void> {
  const path = join(target, entry.path);
  if (entry.kind === 'folder') return makeFolder(path, made);
  await makeFolder(dirname(path), made);
  // `wx` never follows a link and never writes to what is there.
  const file = await open(path, 'wx', FILE_MODE);
  try {
    for await (const chunk of entry.content) await file.writeFile(chunk);
    // The mode given to open is subject to the umask.
    await file.chmod(entry.executable ? OPEN_MODE : FILE_MODE);
  } finally {
    await file.close();
  }
}

/** The folder and those it lies in, from the outside in; each with exactly our mode. */
async function makeFolder(path: string, made: Set<string>): Promise<void> {
  if (made.has(path)) return;
  await makeFolder(dirname(path), made);
  await mkdir(path);
  await chmod(path, OPEN_MODE);
  made.add(path);
}
