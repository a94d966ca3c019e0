// Starts a program of a workspace, in a process group of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Program } from './plan.ts';

/** What it is given it reads from this descriptor and the next. */
const FIRST_PIPE = 3;

/** `argv` may be another than the program's own, which then runs as the program would. */
export function spawnProgram(
  { cwd, environment, input, filter }: Pick<Program, 'cwd' | 'environment' | 'input' | 'filter'>,
  argv: readonly string[],
  output: number | 'ignore' | 'pipe',
): ChildProcess {
  const [file = '', ...args] = argv;
  // There is no filter without an input.
  const given = [
    ...(input === null ? [] : [input]),
    ...(filter === null ? [] : [Buffer.from(filter, 'base64')]),
  ];
  const child = spawn(file, args, {
    cwd,
    env: environment,
    stdio: ['ignore', output, output, ...given.map(() => 'pipe' as const)],
    detached: true,
  });
  given.forEach((what, index) => {
    const pipe = child.stdio[FIRST_PIPE + index];
    if (pipe === null || pipe === undefined || !('end' in pipe)) return;
    pipe.on('error', () => undefined); // it ended without reading, and its exit tells why
    pipe.end(what);
  });
  return child;
}
