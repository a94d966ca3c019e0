// A folder that is held on to while somebody may put another thing in its place, as a link to what is not theirs.
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';

export interface HeldFolder {
  /** By which it, and what is in it, is reached. */
  readonly path: Buffer;
  /** Throws ENOTDIR when the path leads to another thing by now. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Throws ENOENT when nothing is there, ELOOP or ENOTDIR when it is no folder. Links are not followed. */
export function holdFolder(folder: Buffer, platform = process.platform): Promise<HeldFolder> {
  return platform === 'linux' ? holdOpened(folder) : holdNamed(folder);
}

/** For good: whatever happens to its name, the path leads to what was opened, and to nothing after it is closed. */
async function holdOpened(folder: Buffer): Promise<HeldFolder> {
  const { O_DIRECTORY, O_NOFOLLOW } = constants;
  const handle = await open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  return {
    path: Buffer.from(`/proc/self/fd/${handle.fd}`),
    check: () => Promise.resolve(),
    close: () => handle.close(),
  };
}

/** Takes no right to the folder. Node.js does not name it; see open(2). */
const O_PATH = 0o10_000_000;

/** As near as can be had where what is open has no path: whoever uses the path checks it right before. */
async function holdNamed(folder: Buffer): Promise<HeldFolder> {
  const held = await lstat(folder, { bigint: true });
  const check = async (): Promise<void> => {
    const found = await lstat(folder, { bigint: true }).catch(() => undefined);
    if (found?.isDirectory() && found.dev === held.dev && found.ino === held.ino) return;
    const gone = new Error(`not a folder, or not the one that it was: ${folder.toString()}`);
    throw Object.assign(gone, { code: 'ENOTDIR' });
  };
  await check();
  return { path: folder, check, close: () => Promise.resolve() };
}
