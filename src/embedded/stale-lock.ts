// Lock files of a server that was killed. PostgreSQL removes them itself, but not while their pid is
// taken: by a zombie that nobody reaps, or by another program that was given the same number.
import { link, readFile, rename } from 'node:fs/promises';
import { createConnection } from 'node:net';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { readIfThere } from '../base/read-if-there.ts';
import type { Layout } from './layout.ts';
import { findPostmaster, parsePidFile, pidFilePath, readPidFile } from './pid-file.ts';
import { createScratchFolder, removeFolder } from './scratch-folder.ts';
import { SOCKET_PORT } from './settings.ts';

/** Puts the lock files aside whose server is gone. Those of a living one stay. */
export async function retireStaleLocks(
  kit: Kit,
  layout: Layout,
  socketFolder: string,
): Promise<void> {
  for (const file of [
    pidFilePath(layout.cluster),
    path.join(socketFolder, `.s.PGSQL.${SOCKET_PORT}.lock`),
  ]) {
    await retire(kit, layout, file);
  }
}

async function retire(kit: Kit, layout: Layout, file: string): Promise<void> {
  const judged = await readIfThere(file);
  if (judged === undefined || !isStale(judged)) return;
  const scratch = await createScratchFolder(kit, layout.root);
  try {
    const aside = path.join(scratch, 'lock');
    await rename(file, aside);
    // Another start may have done the same and its server written a new file in between: look at
    // what was really taken, and give it back if it is not what was judged.
    if ((await readFile(aside, 'utf8')) !== judged) await link(aside, file);
    else kit.log.warn('embedded_postgres.stale_lock_removed', { file });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error; // the other start was faster
  } finally {
    await removeFolder(scratch);
  }
}

function isStale(text: string): boolean {
  const file = parsePidFile(text);
  return file !== undefined && findPostmaster(file) === undefined;
}

/**
 * Throws when the server that the pid file names answers although it is no process here: in another
 * container a pid means nothing, but the socket can be reached. Neither PostgreSQL's look at the pid
 * nor the one at shared memory sees such a server, and two on one cluster would destroy it.
 */
export async function assertNobodyAnswers(layout: Layout): Promise<void> {
  const file = await readPidFile(layout.cluster);
  if (file?.socketFolder === undefined || findPostmaster(file) !== undefined) return;
  if (!(await answers(file.socketFolder))) return;
  // Unless it is a server that another start of ours has begun since.
  if ((await readPidFile(layout.cluster))?.text !== file.text) return;
  throw new AppError('DATA_FOLDER_UNUSABLE', {
    detail: `a server that is no process of this machine or container uses ${layout.cluster}`,
    hint: 'Stop the other Standby that uses this data folder, or name another one in STANDBY_DATA_DIR.',
  });
}

function answers(socketFolder: string): Promise<boolean> {
  const socket = createConnection(path.join(socketFolder, `.s.PGSQL.${SOCKET_PORT}`));
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
