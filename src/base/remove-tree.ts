// Removes a folder that others filled: also when they took away their own rights to it, when it is deeper than a path
// can be long, or while a program that is just ending adds a last file. Links are removed, never followed.
import { chmod, lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

export async function removeTree(folder: string): Promise<void> {
  try {
    await remove(folder);
  } catch (error) {
    if (!isDenied(error) && !isTooDeep(error)) throw error;
    await openFolders(folder);
    await remove(folder);
  }
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/**
 * What a folder holds can be removed only by one who may read, write and enter it, and only as far down as a path can
 * name it: what is deeper is brought up. In bytes, since a name need not be text.
 */
async function openFolders(top: string): Promise<void> {
  if (!(await lstat(top)).isDirectory()) return;
  const folders: Buffer[] = [Buffer.from(top)];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    await chmod(folder, 0o700);
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      if (!entry.isDirectory()) continue;
      const below = Buffer.concat([folder, Buffer.from('/'), entry.name]);
      folders.push(below.length > LONG_PATH_BYTES ? await bringUp(below, top) : below);
    }
  }
}

// PATH_MAX is 4096 on Linux, 1024 on macOS, and a name has at most 255.
const LONG_PATH_BYTES = 700;

async function bringUp(folder: Buffer, top: string): Promise<Buffer> {
  const there = await mkdtemp(path.join(top, 'deep-'));
  await chmod(folder, 0o700);
  await rename(folder, there);
  return Buffer.from(there);
}

function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
}

function isTooDeep(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENAMETOOLONG';
}
