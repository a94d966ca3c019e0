// A clean folder for every attempt, with the template unpacked when the driver asks for it.
import { mkdir, mkdtemp, rename } from 'node:fs/promises';
import path from 'node:path';
import { extractArchive } from '../archive/extract-archive.ts';
import type { Kit } from '../base/kit.ts';
import { removeTree } from '../base/remove-tree.ts';
import type { AcquiredJob } from '../contract/provisioner/protocol.ts';
import type { ArchiveCache } from './archive-cache.ts';
import type { AttemptFiles } from './driver.ts';
import { readHeldState, STATE_FILE } from './held-state.ts';

export interface AttemptFolder {
  readonly path: string;
  /** The template's files; the driver may take them away. */
  template(signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
  /** Instead of a close: keeps it for somebody to look at. */
  putAside(): Promise<void>;
}

export interface Folders {
  readonly work: string;
  readonly unplacedStates: string;
}

export async function openAttemptFolder(
  deps: { readonly kit: Kit; readonly folders: Folders; readonly archives: ArchiveCache },
  job: AcquiredJob,
): Promise<AttemptFolder> {
  const folder = path.join(deps.folders.work, `${job.id}-${job.attempt}`);
  await makeFolder(deps, folder);
  return {
    path: folder,
    template: async (signal) => {
      const target = path.join(folder, 'template');
      const archive = await deps.archives.get(job.template.file_hash, signal);
      await extractArchive([archive], target);
      return target;
    },
    close: () => removeTree(folder),
    putAside: () => putAside(deps, folder),
  };
}

/** Where an attempt's files lie, also when it is one of an earlier life. */
export function filesOf(folder: string): AttemptFiles {
  return { folder, stateFile: path.join(folder, STATE_FILE) };
}

async function makeFolder(
  deps: { readonly kit: Kit; readonly folders: Folders },
  folder: string,
): Promise<void> {
  const isMade = await mkdir(folder, { mode: 0o700 }).then(
    () => true,
    () => false,
  );
  if (isMade) return;
  // An older database, restored, may give an attempt again whose state is still here.
  const held = await readHeldState(folder);
  await (held === undefined ? removeTree(folder) : putAside(deps, folder));
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

/** For a state that no control plane takes (its database is an older one, say), or that is no whole one. */
export async function putAside(
  { kit, folders }: { readonly kit: Kit; readonly folders: Folders },
  folder: string,
): Promise<void> {
  await mkdir(folders.unplacedStates, { recursive: true, mode: 0o700 });
  // One of the same name may lie there from before: neither is lost.
  const kept = await mkdtemp(path.join(folders.unplacedStates, `${path.basename(folder)}-`));
  await rename(folder, kept);
  kit.log.critical('state.unplaced', { folder: kept });
}
