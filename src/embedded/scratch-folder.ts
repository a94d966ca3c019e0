// Folders that something is built in before one rename puts it in its place. Their names carry who
// builds there, so that what a killed builder left is told from what a living one still fills.
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import {
  formatIdentity,
  identifyProcess,
  isSameProcess,
  parseIdentity,
} from '../base/process-identity.ts';
import type { Kit } from '../base/kit.ts';

export async function createScratchFolder(kit: Kit, parent: string): Promise<string> {
  const self = identifyProcess(process.pid);
  if (self === undefined) throw new Error('this process cannot be identified');
  const random = Buffer.from(kit.rng.bytes(4)).toString('hex');
  const folder = path.join(parent, `${PREFIX}${random}.${formatIdentity(self)}`);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

/** Removes the scratch folders below `parent` whose makers are gone. */
export async function sweepScratchFolders(kit: Kit, parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX) || isInUse(name)) continue;
    const folder = path.join(parent, name);
    try {
      await removeFolder(folder);
      kit.log.info('embedded_postgres.leftover_removed', { folder });
    } catch (error) {
      // A program of the killed maker may still write there; the next start tries again.
      kit.log.warn('embedded_postgres.leftover_kept', { folder, error });
    }
  }
}

/** Removes a folder, also while a program that is just ending adds a last file to it. */
export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

const PREFIX = 'new-';

function isInUse(name: string): boolean {
  const maker = parseIdentity(name.slice(name.indexOf('.') + 1));
  return maker !== undefined && isSameProcess(maker);
}
