// Removes a folder that others filled: also when it holds a million files, when they took away their own rights to it,
// when it is deeper than a path can be long, or while a program that is just ending adds a last file. Links are
// removed, never followed.
import { constants, type Dirent } from 'node:fs';
import { access, chmod, lstat, mkdtemp, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from './clock.ts';

export async function removeTree(top: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await removeOnce(top);
      return;
    } catch (error) {
      if (tries === MAX_TRIES || !PASSING.has(codeOf(error))) throw error;
      await systemClock.sleep(PAUSE_MS * tries);
    }
  }
}

const MAX_TRIES = 6;
const PAUSE_MS = 50;
/** Of what somebody still writes to or has open, or the whole machine is short of. */
const PASSING = new Set(['EBUSY', 'EEXIST', 'EMFILE', 'ENFILE', 'ENOTDIR', 'ENOTEMPTY', 'EPERM']);

interface Walk {
  readonly top: string;
  /** What was deeper than a path can name, and was brought up to the top. */
  readonly broughtUp: Buffer[];
}

async function removeOnce(top: string): Promise<void> {
  const found = await unlessGone(lstat(top));
  if (found === undefined) return;
  if (!found.isDirectory()) {
    await unlessGone(unlink(top));
    return;
  }
  const walk: Walk = { top, broughtUp: [] };
  await emptyFolder(walk, Buffer.from(top));
  for (let one = walk.broughtUp.pop(); one !== undefined; one = walk.broughtUp.pop()) {
    await removeFolder(walk, one);
  }
  await unlessGone(rmdir(top));
}

async function removeFolder(walk: Walk, folder: Buffer): Promise<void> {
  await emptyFolder(walk, folder);
  await unlessGone(rmdir(folder));
}

/**
 * Depth first and a few entries at a time, however many there are: all of them at once take gigabytes, and hold the
 * process up for seconds. In bytes, since a name need not be text.
 */
async function emptyFolder(walk: Walk, folder: Buffer): Promise<void> {
  const opened = await unlessGone(openFolder(folder));
  if (opened === undefined) return;
  const files: Buffer[] = [];
  for await (const entry of opened) {
    const one = Buffer.concat([folder, SLASH, entry.name]);
    if (!entry.isDirectory()) files.push(one);
    else if (one.length > LONG_PATH_BYTES) walk.broughtUp.push(await bringUp(one, walk.top));
    else await removeFolder(walk, one);
    if (files.length === AT_ONCE) await unlinkAll(files.splice(0));
  }
  await unlinkAll(files);
}

const SLASH = Buffer.from('/');
const AT_ONCE = 16;

async function unlinkAll(files: readonly Buffer[]): Promise<void> {
  await Promise.all(files.map((file) => unlessGone(unlink(file))));
}

/** What a folder holds can be removed only by one who may read, write and enter it. */
async function openFolder(folder: Buffer): Promise<AsyncIterable<Dirent<Buffer>>> {
  const { R_OK, W_OK, X_OK } = constants;
  // One of another user is not opened up, and may be empty.
  await access(folder, R_OK | W_OK | X_OK).catch(() => chmod(folder, 0o700).catch(() => undefined));
  // Node.js gives names in bytes for this, which its types do not know.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: 2 * AT_ONCE };
  return (await opendir(folder, options)) as unknown as AsyncIterable<Dirent<Buffer>>;
}

// PATH_MAX is 4096 on Linux, 1024 on macOS, and a name has at most 255. As deep as it can be named, as many are open.
const LONG_PATH_BYTES = 700;

async function bringUp(folder: Buffer, top: string): Promise<Buffer> {
  const there = await mkdtemp(path.join(top, 'deep-'));
  await chmod(folder, 0o700);
  await rename(folder, there);
  return Buffer.from(there);
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
