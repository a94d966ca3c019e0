// The folders that an archive is unpacked into, each opened in the one above it and made there: a link
// that somebody puts in the place of one leads nowhere.
import { constants, existsSync } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

export interface OpenFolders {
  /** Makes the folder with those above it, where they are not there by this, and gives a path of it. */
  enter(folder: string): Promise<string>;
  close(): Promise<void>;
}

interface OpenFolder {
  readonly name: string;
  readonly handle: FileHandle;
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** Where open folders have paths that hold whatever becomes of their names; Node has no `openat`. */
const HANDLES = '/proc/self/fd';
const hasHandles = existsSync(HANDLES);

/** `target` is there and empty. Every folder gets exactly this mode, whatever the umask is. */
export async function openFolders(target: string, mode: number): Promise<OpenFolders> {
  const openFolder = async (path: string, name: string): Promise<OpenFolder> => ({
    name,
    handle: await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
  });
  const root = await openFolder(target, target);
  /** Open, from the outermost to the one that was entered last. */
  const chain: OpenFolder[] = [root];
  const made = new Set<string>();

  const pathOf = (folders: readonly OpenFolder[]): string => {
    const last = folders.at(-1) ?? root;
    return hasHandles ? `${HANDLES}/${last.handle.fd}` : join(...folders.map(({ name }) => name));
  };
  const leave = async (depth: number): Promise<void> => {
    for (const { handle } of chain.splice(depth)) await handle.close();
  };

  try {
    await root.handle.chmod(mode);
  } catch (error) {
    await leave(0);
    throw error;
  }
  return {
    enter: async (folder) => {
      const names = folder === '' ? [] : folder.split('/');
      const same = names.findIndex((name, index) => chain[index + 1]?.name !== name);
      await leave(1 + (same === -1 ? names.length : same));
      for (const name of names.slice(chain.length - 1)) {
        const path = join(pathOf(chain), name);
        const place = names.slice(0, chain.length).join('/');
        if (!made.has(place)) await mkdir(path);
        const opened = await openFolder(path, name);
        chain.push(opened);
        if (!made.has(place)) await opened.handle.chmod(mode);
        made.add(place);
      }
      return pathOf(chain);
    },
    close: () => leave(0),
  };
}
