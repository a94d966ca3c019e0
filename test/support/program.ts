// `bin/standby` as a process of its own: what it says, and how it ends.
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

export const BIN = path.resolve('bin/standby');

export interface Program {
  readonly child: ChildProcess;
  /** All it has written, standard output and error alike, but for what went to a file. */
  said(): string;
  /** Resolves with what it has said once that holds `text`; rejects when it ends before. */
  until(text: string): Promise<string>;
  /** Sends the signal and waits for the end; gives the exit status, or the signal's name. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** Beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs it to its end, without anything on standard input. */
export function runBin(
  argv: readonly string[],
  { environment = {}, cwd = '.' }: RunOptions = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    const child = execFile(BIN, [...argv], { env, cwd }, (_error, out, err) => {
      resolve({ status: child.exitCode, out, err });
    });
    child.stdin?.end();
  });
}

/** Builds the program where it is older than its sources. */
export function buildBin(): void {
  execFileSync(process.execPath, ['scripts/build.mjs', '--if-stale']);
}

export interface ProgramOptions {
  /** Beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** An open file that standard error goes to. */
  readonly logFile?: number;
}

export function startProgram(
  argv: readonly string[],
  { environment = {}, logFile }: ProgramOptions = {},
): Program {
  let said = '';
  const child = spawn(BIN, argv, {
    stdio: ['ignore', 'pipe', logFile ?? 'pipe'],
    env: { ...process.env, ...environment },
  });
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  for (const stream of streams) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      said += text;
    });
  }
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    child,
    said: () => said,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (said.includes(text)) resolve(said);
        };
        for (const stream of streams) stream.on('data', look);
        void exited.then(() => reject(new Error(`${argv.join(' ')} ended:\n${said}`)));
        look();
      }),
    end: async (signal) => {
      child.kill(signal);
      const [status, by] = await exited;
      return status ?? by;
    },
  };
}
