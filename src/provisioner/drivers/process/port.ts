// Ports reserved for workspaces. A reservation is a file in a folder that all daemons of a user share,
// named by the port and naming the workspace's folder; it holds for as long as that folder exists.
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
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
  release(port: number, workspaceFolder: string): Promise<void>;
}

export function createPorts(rng: Pick<Rng, 'next'>, sharedFolder: string): Ports {
  const fileOf = (port: number): string => path.join(sharedFolder, String(port));
  const isMine = async (port: number, workspaceFolder: string): Promise<boolean> =>
    (await readFile(fileOf(port), 'utf8').catch(() => '')) === workspaceFolder;
  return {
    reserve: async (workspaceFolder) => {
      await mkdir(sharedFolder, { recursive: true, mode: 0o700 });
      for (let draw = 0; draw < MAX_DRAWS; draw++) {
        const port = FIRST_PORT + Math.floor(rng.next() * (LAST_PORT - FIRST_PORT + 1));
        if (!(await take(fileOf(port), workspaceFolder))) continue;
        if (await isFree(port)) return port;
        await rm(fileOf(port), { force: true });
      }
      throw new AppError(
        'BUILD_FAILED',
        `no free port was found from ${FIRST_PORT} to ${LAST_PORT} in ${MAX_DRAWS} draws`,
      );
    },
    release: async (port, workspaceFolder) => {
      if (await isMine(port, workspaceFolder)) await rm(fileOf(port), { force: true });
    },
  };
}

async function take(file: string, workspaceFolder: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(workspaceFolder);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // A reservation whose workspace is gone is cleared, and the port drawn again another time: taking
  // it over at once would be a race.
  const holder = await readFile(file, 'utf8').catch(() => '');
  const lives = holder === '' || (await stat(holder).catch(() => undefined)) !== undefined;
  if (!lives) await rm(file, { force: true });
  return false;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
