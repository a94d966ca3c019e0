// Whether a template's command can be run on this machine. Told at the import: a pool would find out
// by builds that fail one after the other.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import { excerpt } from '../../../base/excerpt.ts';

export interface CommandPlace {
  /** The template's files, where the command runs. */
  readonly folder: string;
  /** The PATH that it runs with. */
  readonly searchPath: string;
}

/** Throws TEMPLATE_REFUSED. */
export async function checkCommand(
  command: readonly string[],
  { folder, searchPath }: CommandPlace,
): Promise<void> {
  const [program = ''] = command;
  const isPath = program.includes('/');
  const folders = isPath ? [folder] : searchPath.split(':').map((one) => path.resolve(folder, one));
  for (const one of folders) if (await isProgram(path.resolve(one, program))) return;
  const where = isPath ? 'an executable file of the template or this machine' : 'in the PATH here';
  throw new AppError('TEMPLATE_REFUSED', `the command ${excerpt(program)} is not ${where}`);
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false; // not there, or not to be run by this user
  }
}
