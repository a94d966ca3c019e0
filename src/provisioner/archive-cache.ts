// Template archives by their hash, fetched once. What is on the disk is verified at every use: a
// crash may have torn it and somebody may have changed it.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { writePrivateFile } from '../base/private-file.ts';
import { askUntilAnswered } from './ask.ts';
import type { ControlPlane } from './control-plane.ts';
import { listLeastUsed } from './least-used.ts';

export interface ArchiveCache {
  get(hash: string, signal: AbortSignal): Promise<Uint8Array>;
}

/** At most 10 MiB each: enough for every template a daemon sees in a day, and a bound for its disk. */
const MAX_ARCHIVES = 50;

export function createArchiveCache(
  kit: Kit,
  folder: string,
  controlPlane: Pick<ControlPlane, 'getFile'>,
): ArchiveCache {
  const fetchAndKeep = async (hash: string, signal: AbortSignal): Promise<Uint8Array> => {
    const archive = await askUntilAnswered(kit, signal, () => controlPlane.getFile(hash, signal));
    if (hashOf(archive) !== hash) {
      throw new AppError('BUILD_FAILED', `the archive received for ${hash} has another hash`);
    }
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writePrivateFile(path.join(folder, hash), archive);
      for (const file of await listLeastUsed(folder, MAX_ARCHIVES)) {
        await rm(file, { force: true });
      }
    } catch (error) {
      // What cannot be kept is fetched again.
      kit.log.warn('archive_cache.not_kept', { hash, error });
    }
    return archive;
  };

  return {
    get: async (hash, signal) => {
      const file = path.join(folder, hash);
      const kept = await readFile(file).catch(() => undefined); // none, or none that can be read
      if (kept === undefined) return fetchAndKeep(hash, signal);
      if (hashOf(kept) !== hash) {
        kit.log.warn('archive_cache.damaged', { file });
        return fetchAndKeep(hash, signal);
      }
      const nowSeconds = kit.clock.now() / 1_000;
      // Another attempt may have made room with it meanwhile.
      await utimes(file, nowSeconds, nowSeconds).catch(() => undefined);
      return kept;
    },
  };
}

function hashOf(archive: Uint8Array): string {
  return createHash('sha256').update(archive).digest('hex');
}
