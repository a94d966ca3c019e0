// The files of a newer version over a workspace's folder: what has the same name is replaced, the rest stays.
import type { Stats } from 'node:fs';
import { chmod, lstat, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import { removeTree } from '../../../base/remove-tree.ts';

/**
 * Moves what is in `from` into the folder `to`. Folders are joined; anything else in the place of an entry is taken away
 * first, links too, so that nothing is written through one. Cut off at any instant, it can be begun again. Throws
 * BUILD_FAILED where `to` is no folder.
 */
export async function layOver(from: string, to: string): Promise<void> {
  const found = await look(to);
  if (found?.isDirectory() !== true) {
    throw new AppError('BUILD_FAILED', `${to}, where the workspace's files are, is no folder`);
  }
  // Its owner may have taken the right to change it away.
  await chmod(to, found.mode | 0o700);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory() && (await look(target))?.isDirectory() === true) {
      await layOver(source, target);
    } else {
      await removeTree(target);
      await rename(source, target);
    }
  }
}

function look(file: string): Promise<Stats | undefined> {
  return lstat(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
}
