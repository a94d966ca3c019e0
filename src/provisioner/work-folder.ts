// A clean folder for every attempt, with the template unpacked when the driver asks for it.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { extractArchive } from '../archive/extract-archive.ts';
import { removeTree } from '../base/remove-tree.ts';
import type { AcquiredJob } from '../contract/provisioner/protocol.ts';
import type { ArchiveCache } from './archive-cache.ts';

export interface AttemptFolder {
  /** The template's files; the driver may take them away. */
  template(signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

export async function openAttemptFolder(
  deps: { readonly workDir: string; readonly archives: ArchiveCache },
  job: AcquiredJob,
): Promise<AttemptFolder> {
  const folder = path.join(deps.workDir, `${job.id}-${job.attempt}`);
  await removeTree(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return {
    template: async (signal) => {
      const target = path.join(folder, 'template');
      const archive = await deps.archives.get(job.template.file_hash, signal);
      await extractArchive([archive], target);
      return target;
    },
    close: () => removeTree(folder),
  };
}

/** What attempts of an earlier life left behind. */
export async function sweepWorkFolders(workDir: string): Promise<void> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  for (const name of await readdir(workDir)) await removeTree(path.join(workDir, name));
}
