// Whether a template's command can be run on this machine. Told at the import: a pool would find out
// by builds that fail one after the other.
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import { excerpt } from '../../../base/excerpt.ts';
import { findProgram } from './find-program.ts';
import type { EnterSandbox } from './sandbox/sandbox.ts';
import { runTrial, trialOf, type TrialOptions } from './sandbox/trial.ts';

export interface CommandPlace {
  readonly enterSandbox: EnterSandbox;
  /** The template's files, where the command runs. */
  readonly folder: string;
  /** The PATH that it runs with. */
  readonly searchPath: string;
  readonly trial: TrialOptions;
}

/** Throws TEMPLATE_REFUSED. */
export async function checkCommand(command: readonly string[], place: CommandPlace): Promise<void> {
  const { folder, searchPath } = place;
  const [program = ''] = command;
  const isPath = program.includes('/');
  const folders = isPath ? [folder] : searchPath.split(':').map((one) => path.resolve(folder, one));
  const file = await findProgram(program, folders);
  if (file !== undefined && (await isSeen(program, place))) return;
  if (file !== undefined) {
    const detail = `the command ${excerpt(program)} is not there in the sandbox: ${file} is outside`;
    throw new AppError('TEMPLATE_REFUSED', detail);
  }
  const where = isPath ? 'an executable file of the template or this machine' : 'in the PATH here';
  throw new AppError('TEMPLATE_REFUSED', `the command ${excerpt(program)} is not ${where}`);
}

async function isSeen(
  program: string,
  { enterSandbox, folder, searchPath, trial: options }: CommandPlace,
): Promise<boolean> {
  const look = ['/bin/sh', '-c', 'command -v "$1" >/dev/null', 'sh', program];
  const trial = trialOf(look, { cwd: folder, searchPath });
  const inside = enterSandbox(trial, { readable: [folder], writable: [] });
  return inside === trial || (await runTrial(inside, options)) === undefined;
}
