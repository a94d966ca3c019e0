// The private folder of the server's Unix socket. The address of a socket has room for about a
// hundred bytes, so a long data folder needs a short stand-in, in a place where others may write.
import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { ServerAccount } from './account.ts';
import type { Layout } from './layout.ts';
import { SOCKET_PORT } from './settings.ts';

/** sun_path without its final zero: 108 bytes on Linux, 104 on macOS and the BSDs. */
const ADDRESS_BYTES = process.platform === 'linux' ? 107 : 103;

export async function prepareSocketFolder(layout: Layout, account: ServerAccount): Promise<string> {
  for (const folder of candidates(layout)) {
    if (fits(folder) && (await claimFolder(folder, account))) return folder;
  }
  const detail = `the socket of ${layout.cluster} has no place: its path would be longer than ${ADDRESS_BYTES} bytes, and ${tmpdir()} has no folder for it that only this account can write`;
  throw new AppError('DATA_FOLDER_UNUSABLE', {
    detail,
    hint: 'Name a data folder with a shorter path in STANDBY_DATA_DIR.',
  });
}

export function fits(folder: string): boolean {
  return Buffer.byteLength(path.join(folder, `.s.PGSQL.${SOCKET_PORT}`)) <= ADDRESS_BYTES;
}

function candidates(layout: Layout): readonly string[] {
  // Named after the cluster, so that every start finds the same one. The numbers are for the case
  // that somebody else took the name.
  const name = `standby-${createHash('sha256').update(layout.cluster).digest('hex').slice(0, 16)}`;
  const standIns = [...new Set([tmpdir(), '/tmp'])].flatMap((parent) =>
    ['', '-1', '-2', '-3'].map((suffix) => path.join(parent, name + suffix)),
  );
  return [layout.socketFolder, ...standIns];
}

/** Makes the folder, or takes one that is already ours. False when it is another's. */
async function claimFolder(folder: string, account: ServerAccount): Promise<boolean> {
  if (!(await isProtected(path.dirname(folder)))) return false;
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // Not followed if it is a link: whoever made the name decides where a link leads.
  const found = await lstat(folder);
  const ours = found.uid === account.uid || found.uid === process.getuid?.();
  if (!found.isDirectory() || !ours) return false;
  await chmod(folder, 0o700);
  if (account.kind === 'user') await chown(folder, account.uid, account.gid);
  return true;
}

/** Whether nobody else can rename or remove what lies in the folder. */
async function isProtected(folder: string): Promise<boolean> {
  const { mode } = await stat(folder);
  const [sticky, othersMayWrite] = [mode & 0o1000, mode & 0o022];
  return sticky !== 0 || othersMayWrite === 0;
}
