// Runs one command line in this process and catches what it writes.
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Environment } from '../../src/cli/command.ts';
import { runProgram } from '../../src/cli/program.ts';
import { COMMAND_TABLE } from '../../src/main/command-table.ts';

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export function runCommandLine(...argv: readonly string[]): Promise<Ran> {
  return runCommandLineWith({}, ...argv);
}

export async function runCommandLineWith(
  environment: Environment,
  ...argv: readonly string[]
): Promise<Ran> {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    input: (): never => {
      throw new Error('no input');
    },
    isOutTty: false,
    isErrTty: false,
    columns: 80,
  };
  const deps = {
    kit: createKit(silentLog),
    io,
    table: COMMAND_TABLE,
    environment,
    version: '0.0.0',
    interrupt: () => new AbortController().signal,
  };
  return { status: await runProgram(deps, argv), out, err };
}
