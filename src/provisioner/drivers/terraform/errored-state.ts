// Where Terraform and OpenTofu write a state that they could not write to its place: measured with a
// full disk, which leaves half a state there and the whole one here.
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../base/app-error.ts';
import { readIfThere } from '../../../base/read-if-there.ts';
import type { AttemptFiles } from '../../driver.ts';

/**
 * In an attempt's folder: the module that commands run in, and Terraform leaves such a state in. It
 * is there from when nothing is left in it of what the template brought along of that kind.
 */
export const MODULE_FOLDER = 'module';
export const ERRORED_FILE = 'errored.tfstate';

const stateSchema = z.object({ lineage: z.string(), serial: z.int() });

type Version = z.output<typeof stateSchema>;

/** Makes it the state when it is newer than that, or that is no whole one. Throws BUILD_FAILED. */
export async function rescueErroredState({ folder, stateFile }: AttemptFiles): Promise<void> {
  const file = path.join(folder, MODULE_FOLDER, ERRORED_FILE);
  const text = await readIfThere(file);
  if (text === undefined) return;
  const errored = parseVersion(text);
  if (errored === undefined) {
    throw new AppError('BUILD_FAILED', `${file} holds no state: it could not be written either`);
  }
  const current = parseVersion((await readIfThere(stateFile)) ?? '');
  if (current !== undefined) {
    if (current.lineage !== errored.lineage) {
      throw new AppError('BUILD_FAILED', `${file} is no later version of the state`);
    }
    if (current.serial >= errored.serial) return;
  }
  await rename(file, stateFile); // needs no room on a full disk
}

function parseVersion(text: string): Version | undefined {
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
