// Starts a program of a workspace, in a process group of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Program } from './plan.ts';

/** `argv` may be another than the program's own, which then runs as the program would. */
export function spawnProgram(
  { cwd, environment, input }: Pick<Program, 'cwd' | 'environment' | 'input'>,
  argv: readonly string[],
  output: number | 'ignore' | 'pipe',
): ChildProcess {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, {
    cwd,
    env: environment,
    stdio: ['ignore', output, output, ...(input === null ? [] : (['pipe'] as const))],
    detached: true,
  });
  const pipe = child.stdio[3];
  if (input !== null && pipe !== null && pipe !== undefined && 'end' in pipe) {
    pipe.on('error', () => undefined); // it ended without reading, and its exit tells why
    pipe.end(input);
  }
  return child;
}
