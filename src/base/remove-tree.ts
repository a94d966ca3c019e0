// Removes a folder that others filled: also when they took away their own rights to it, or while a
// program that is just ending adds a last file. Links are removed, never followed.
import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

export async function removeTree(folder: string): Promise<void> {
  try {
    await remove(folder);
  } catch (error) {
    if (!isDenied(error)) throw error;
    await openFolders(folder);
    await remove(folder);
  }
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/** What a folder holds can be removed only by one who may read, write and enter it. */
async function openFolders(folder: string): Promise<void> {
  if (!(await lstat(folder)).isDirectory()) return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(path.join(folder, entry.name));
  }
}

function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
}
