// `standby down` in a shell of a workspace: it ends what it runs in, and would be ended with that half way.
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Environment } from '../../cli/command.ts';
import { placesOf } from '../../provisioner/drivers/process/places.ts';
import { MARK } from '../../provisioner/drivers/process/processes.ts';
import type { DataFolder } from '../installation/data-folder.ts';

/** Whether this program runs in a workspace of the folder's daemon. */
export function isInWorkspace({ provisionerDir }: DataFolder, environment: Environment): boolean {
  const folder = environment[MARK];
  return folder !== undefined && path.dirname(folder) === placesOf(provisionerDir).workspaces;
}

/**
 * Runs this program once more, as nobody's of the workspace: in a session of its own, without the mark. Gives its
 * exit status, if this one lives to see it.
 */
export function runOutside(argv: readonly string[], environment: Environment): Promise<number> {
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== MARK));
  const [, program = ''] = process.argv;
  const child = spawn(process.execPath, [program, ...argv], {
    env,
    stdio: 'inherit',
    detached: true,
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
