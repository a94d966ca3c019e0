// A second tree of the same files: folders made anew, files linked, nothing copied.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, readdir, readlink, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Smaller files are not worth a comparison. */
const MIN_SHARED_BYTES = 1_000_000;

/**
 * Where one of `twins`, trees of the same kind, has the same content under the same path, that file
 * is linked instead: what is stored twice becomes stored once.
 */
export async function linkTree(from: string, to: string, twins: readonly string[]): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true });
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const entry of entries) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    const candidates = twins.map((twin) => path.join(twin, entry.name));
    if (entry.isDirectory()) await linkTree(source, target, candidates);
    // A package of the operator's own mirror is a link to it.
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await link((await findTwin(source, candidates)) ?? source, target);
  }
}

async function findTwin(file: string, candidates: readonly string[]): Promise<string | undefined> {
  const { size } = await stat(file);
  if (size < MIN_SHARED_BYTES) return undefined;
  let digest: string | undefined;
  for (const candidate of candidates) {
    const found = await stat(candidate).catch(() => undefined);
    if (found?.isFile() !== true || found.size !== size) continue;
    digest ??= await digestOf(file);
    if ((await digestOf(candidate)) === digest) return candidate;
  }
  return undefined;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
