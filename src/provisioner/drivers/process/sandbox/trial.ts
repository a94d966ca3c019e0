// Runs something in the sandbox to learn whether it can.
import { excerpt } from '../../../../base/excerpt.ts';
import type { Program } from '../supervisor/plan.ts';
import { spawnProgram } from '../supervisor/spawn-program.ts';

export function trialOf(
  argv: string[],
  { cwd, searchPath }: { readonly cwd: string; readonly searchPath: string },
): Program {
  const environment = { PATH: searchPath };
  return { name: 'trial', argv, cwd, environment, output: '', within: [], input: null };
}

/** Gives why it failed. */
export async function runTrial(program: Program): Promise<string | undefined> {
  const child = spawnProgram(program, [...program.within, ...program.argv], 'pipe');
  let told = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (told += text));
  return new Promise((resolve) => {
    child.on('error', ({ message }) => resolve(message));
    child.on('close', (code) => resolve(code === 0 ? undefined : reasonOf(told, code)));
  });
}

function reasonOf(told: string, code: number | null): string {
  const [line = ''] = told.trim().split('\n');
  return line === '' ? `bwrap ended with ${code ?? 'a signal'}` : excerpt(line);
}
