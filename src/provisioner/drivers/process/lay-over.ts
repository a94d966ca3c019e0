// The files of a newer version over a workspace's folder: what has the same name is replaced, the owner's stay.
import { lstat, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { removeTree } from '../../../base/remove-tree.ts';

/**
 * Moves what is in `from` into `to`. Folders are joined; anything else in the place of an entry is taken away first,
 * links too, so that nothing is written through one. Cut off at any instant, it can be begun again.
 */
export async function layOver(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory() && (await isFolder(target))) {
      await layOver(source, target);
    } else {
      await removeTree(target);
      await rename(source, target);
    }
  }
}

async function isFolder(file: string): Promise<boolean> {
  const found = await lstat(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  return found?.isDirectory() ?? false;
}
