// The daemon's data folder, which one process has at a time.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';
import { lockFolder } from '../base/folder-lock.ts';
import type { Kit } from '../base/kit.ts';

export interface DataFolder {
  /** Where attempts have their folders. */
  readonly work: string;
  /** Where archives are kept. */
  readonly archives: string;
  /** Where states are kept that no control plane takes. */
  readonly unplacedStates: string;
  release(): Promise<void>;
}

/** A former process of this daemon lets go when it ends, however it ends; it may just be ending. */
const LOCK_WAIT_MS = 1_000;

/** The lock of whatever daemon has `folder`. */
export function lockOf(folder: string): string {
  return path.join(folder, 'lock');
}

/** Takes the folder for this process. Throws DAEMON_FOLDER_TAKEN while another one has it. */
export async function takeDataFolder(kit: Kit, folder: string): Promise<DataFolder> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(kit, lockOf(folder), { waitMs: LOCK_WAIT_MS });
  if (lock.kind === 'taken') {
    throw new AppError(
      'DAEMON_FOLDER_TAKEN',
      `process ${lock.by.pid} is a daemon with the data folder ${folder} already`,
    );
  }
  const work = path.join(folder, 'work');
  await mkdir(work, { recursive: true, mode: 0o700 });
  return {
    work,
    archives: path.join(folder, 'archives'),
    unplacedStates: path.join(folder, 'unplaced-states'),
    release: () => lock.release(),
  };
}
