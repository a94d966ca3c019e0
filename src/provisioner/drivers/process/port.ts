// Ports reserved for workspaces. A reservation is a file in a folder that all daemons of a user share,
// named by the port and naming the workspace's folder; it holds for as long as that folder exists.
import { link, lstat, mkdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import type { Rng } from '../../../base/random.ts';

// Below the range from which systems give ports to outgoing connections (Linux 32768, others 49152):
// a port that is free while its workspace restarts cannot be given to somebody else.
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const MAX_DRAWS = 500;

export interface Ports {
  reserve(workspaceFolder: string): Promise<number>;
  /** Takes a reservation again that a reboot or a cleaner of temporary files may have taken away. */
  hold(port: number, workspaceFolder: string): Promise<'held' | 'lost'>;
  release(port: number, workspaceFolder: string): Promise<void>;
}

export function createPorts(rng: Rng, sharedFolder: string): Ports {
  const fileOf = (port: number): string => path.join(sharedFolder, String(port));
  const holderOf = async (port: number): Promise<string> => {
    const holder = await readFile(fileOf(port), 'utf8').catch(() => '');
    // It may have been named by way of a link.
    return realpath(holder).catch(() => holder);
  };

  /** False when somebody has it. The file is there whole or not at all. */
  const take = async (port: number, workspaceFolder: string): Promise<boolean> => {
    const scratch = path.join(sharedFolder, `.${Buffer.from(rng.bytes(9)).toString('base64url')}`);
    await writeFile(scratch, workspaceFolder, { flag: 'wx', mode: 0o600 });
    try {
      await link(scratch, fileOf(port));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    } finally {
      await rm(scratch, { force: true });
    }
  };

  /** Clears the reservation of a workspace that is gone. */
  const clear = async (port: number): Promise<void> => {
    const holder = await holderOf(port);
    const lives = await stat(holder).then(
      () => true,
      () => false,
    );
    if (!lives) await rm(fileOf(port), { force: true });
  };

  return {
    reserve: async (workspaceFolder) => {
      await openFolder(sharedFolder);
      for (let draw = 0; draw < MAX_DRAWS; draw++) {
        const port = FIRST_PORT + Math.floor(rng.next() * (LAST_PORT - FIRST_PORT + 1));
        if (!(await take(port, workspaceFolder))) {
          // It is drawn again another time: taking it over at once would be a race.
          await clear(port);
          continue;
        }
        if (await isPortFree(port)) return port;
        await rm(fileOf(port), { force: true });
      }
      throw new AppError(
        'BUILD_FAILED',
        `no free port was found from ${FIRST_PORT} to ${LAST_PORT} in ${MAX_DRAWS} draws`,
      );
    },
    hold: async (port, workspaceFolder) => {
      if ((await holderOf(port)) === workspaceFolder) return 'held';
      await openFolder(sharedFolder);
      await clear(port);
      return (await take(port, workspaceFolder)) ? 'held' : 'lost';
    },
    release: async (port, workspaceFolder) => {
      if ((await holderOf(port)) === workspaceFolder) await rm(fileOf(port), { force: true });
    },
  };
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** It may lie where everybody can make folders, so another user may have made it first. */
async function openFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const isOwn = found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o022) === 0;
  if (found.isDirectory() && isOwn) return;
  throw new AppError('BUILD_FAILED', {
    detail: `${folder}, where ports are reserved, is not a folder of this user alone`,
    hint: 'Somebody else may have made it. Remove it, and ports are reserved anew.',
  });
}
