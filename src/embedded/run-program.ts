// Runs one of the server's programs to its end.
import type { ChildProcess } from 'node:child_process';
import { spawnAs, type ServerAccount } from './account.ts';

export interface ProgramResult {
  /** Null when a signal ended it, or when it could not be started. */
  readonly exitCode: number | null;
  /** What it wrote to both outputs; when it could not be started, why. */
  readonly output: string;
}

export interface RunOptions {
  readonly input?: string;
  /** When aborted, the program is told to end (SIGTERM) and the call rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

export async function runProgram(
  account: ServerAccount,
  command: readonly [string, ...(readonly string[])],
  options: RunOptions = {},
): Promise<ProgramResult> {
  options.signal?.throwIfAborted();
  let child: ChildProcess;
  try {
    child = spawnAs(account, command, { stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    // Node reports some causes by an event and throws others, such as EPERM.
    return { exitCode: null, output: (error as Error).message };
  }
  const onAbort = (): void => {
    // The whole group: initdb runs a server of its own underneath.
    if (child.pid !== undefined) signalGroup(child.pid);
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin?.on('error', () => undefined); // it may end without reading its input
    child.stdin?.end(options.input ?? '');
    const result = await new Promise<ProgramResult>((resolve) => {
      child.once('error', (error) => resolve({ exitCode: null, output: error.message }));
      child.once('close', (exitCode) =>
        resolve({ exitCode, output: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    options.signal?.throwIfAborted();
    return result;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

function signalGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGTERM');
  } catch {
    // it ended by itself in the meantime
  }
}
