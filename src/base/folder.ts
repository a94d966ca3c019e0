// Folders of Standby's own, with the rights they need whatever the umask is.
import { chmod, mkdir, open } from 'node:fs/promises';
import path from 'node:path';

/** Makes the folder, and those above it that are missing, with `mode`. What is there stays as it is. */
export async function ensureFolder(folder: string, mode: number): Promise<void> {
  try {
    await makeFolder(folder, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await ensureFolder(path.dirname(folder), mode);
    await makeFolder(folder, mode);
  }
}

async function makeFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode });
    await chmod(folder, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Makes a rename or a new file in `folder` survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
