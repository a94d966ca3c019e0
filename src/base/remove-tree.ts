// Removes a folder that others filled: also when it holds a million files, when they took away their own rights to it,
// when it is deeper than a path can be long, or while a program that is just ending adds a last file. Links are
// removed, never followed, also those that take the place of a folder meanwhile.
import { constants, type Dirent } from 'node:fs';
import { access, chmod, mkdtemp, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import { holdFolder, type HeldFolder } from './held-folder.ts';

export async function removeTree(top: string, platform = process.platform): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await removeOnce(top, platform);
      return;
    } catch (error) {
      if (tries === MAX_TRIES || !PASSING.has(codeOf(error))) throw error;
      await systemClock.sleep(PAUSE_MS * tries);
    }
  }
}

const MAX_TRIES = 6;
const PAUSE_MS = 50;
/** Of what somebody still writes to, changes or has open, or the whole machine is short of. */
const PASSING = new Set([
  ...['EACCES', 'EBUSY', 'EEXIST', 'EISDIR', 'ELOOP', 'EMFILE', 'ENFILE', 'ENOTDIR', 'ENOTEMPTY'],
  'EPERM',
]);

interface Walk {
  readonly top: HeldFolder;
  readonly platform: NodeJS.Platform;
  /** What was deeper than a path can name, and was brought up to the top. */
  readonly broughtUp: Entry[];
}

interface Entry {
  readonly path: Buffer;
  /** How long its name below the top is. */
  readonly length: number;
}

async function removeOnce(path: string, platform: NodeJS.Platform): Promise<void> {
  const folder = Buffer.from(path);
  if (await isRemovedEmpty(folder)) return;
  const top = await holdOrUnlink(folder, platform);
  if (top === undefined) return;
  try {
    const walk: Walk = { top, platform, broughtUp: [] };
    await emptyFolder(walk, top, 0);
    for (let one = walk.broughtUp.pop(); one !== undefined; one = walk.broughtUp.pop()) {
      await removeFolder(walk, one);
    }
  } finally {
    await top.close();
  }
  await unlessGone(rmdir(folder));
}

/** One call, where looking into it takes eight. */
function isRemovedEmpty(folder: Buffer): Promise<boolean> {
  return rmdir(folder).then(
    () => true,
    () => false,
  );
}

/** Undefined when nothing is there any more; what is no folder is removed. */
async function holdOrUnlink(
  folder: Buffer,
  platform: NodeJS.Platform,
): Promise<HeldFolder | undefined> {
  try {
    return await unlessGone(holdFolder(folder, platform));
  } catch (error) {
    if (codeOf(error) !== 'ELOOP' && codeOf(error) !== 'ENOTDIR') throw error;
    await unlessGone(unlink(folder));
    return undefined;
  }
}

async function removeFolder(walk: Walk, folder: Entry): Promise<void> {
  const held = await holdOrUnlink(folder.path, walk.platform);
  if (held === undefined) return;
  try {
    if (folder.length > LONG_NAME_BYTES) {
      await bringUp(walk, held, folder);
      return;
    }
    await emptyFolder(walk, held, folder.length);
  } finally {
    await held.close();
  }
  await unlessGone(rmdir(folder.path));
}

/**
 * Depth first and a few entries at a time, however many there are: all of them at once take gigabytes, and hold the
 * process up for seconds. In bytes, since a name need not be text.
 */
async function emptyFolder(walk: Walk, folder: HeldFolder, length: number): Promise<void> {
  const listed = await unlessGone(listFolder(folder));
  if (listed === undefined) return;
  const files: Buffer[] = [];
  for await (const entry of listed) {
    const one = Buffer.concat([folder.path, SLASH, entry.name]);
    if (entry.isDirectory()) {
      await folder.check();
      await removeFolder(walk, { path: one, length: length + one.length - folder.path.length });
    } else {
      files.push(one);
    }
    if (files.length === AT_ONCE) await unlinkAll(folder, files.splice(0));
  }
  await unlinkAll(folder, files);
}

const SLASH = Buffer.from('/');
const AT_ONCE = 16;

async function unlinkAll(folder: HeldFolder, files: readonly Buffer[]): Promise<void> {
  await folder.check();
  // Until the last of them is done: what is closed by then may lend its path to another folder.
  const done = await Promise.allSettled(files.map((file) => unlessGone(unlink(file))));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}

async function listFolder(folder: HeldFolder): Promise<AsyncIterable<Dirent<Buffer>>> {
  await openUp(folder);
  // Node.js gives names in bytes for this, which its types do not know.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: 2 * AT_ONCE };
  return (await opendir(folder.path, options)) as unknown as AsyncIterable<Dirent<Buffer>>;
}

/** What a folder holds can be removed only by one who may read, write and enter it. */
async function openUp(folder: HeldFolder): Promise<void> {
  await folder.check();
  const { R_OK, W_OK, X_OK } = constants;
  // One of another user is not opened up, and may be empty.
  await access(folder.path, R_OK | W_OK | X_OK).catch(() =>
    chmod(folder.path, 0o700).catch(() => undefined),
  );
}

// PATH_MAX is 4096 on Linux, 1024 on macOS, and a name has at most 255; and as deep as it can be named, as many are open.
const LONG_NAME_BYTES = 350;

async function bringUp(walk: Walk, held: HeldFolder, { path }: Entry): Promise<void> {
  const there = Buffer.from(await mkdtemp(`${walk.top.path.toString()}/deep-`));
  await openUp(held);
  await rename(path, there);
  walk.broughtUp.push({ path: there, length: there.length - walk.top.path.length });
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
