// Runs one of the template's scripts in a process group of its own, with a time limit.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';

export type ScriptResult =
  | { readonly kind: 'ok' }
  | { readonly kind: 'failed'; readonly because: string }
  | { readonly kind: 'timeout' };

export interface ScriptRun {
  /** Path below the script folder. */
  readonly script: string;
  readonly scriptDir: string;
  /** The file its output is appended to. */
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

// Output beyond this is not worth a full disk: the file starts anew.
const MAX_LOG_BYTES = 1_000_000;
// What a script is given to end by itself after SIGTERM.
const GRACE_MS = 5_000;

export async function runScript(clock: Clock, run: ScriptRun): Promise<ScriptResult> {
  const output = openLog(run.logFile);
  const stopWaiting = new AbortController();
  try {
    const child = spawn(path.resolve(run.scriptDir, run.script), [], {
      cwd: run.scriptDir,
      env: run.environment,
      stdio: ['ignore', output, output],
      detached: true,
    });
    const ended = new Promise<ScriptResult>((resolve) => {
      child.on('error', (error) => resolve({ kind: 'failed', because: error.message }));
      child.on('exit', (code, signal) =>
        resolve(
          code === 0
            ? { kind: 'ok' }
            : { kind: 'failed', because: signal ?? `exit status ${code ?? 'unknown'}` },
        ),
      );
    });
    const limit = clock
      .sleep(run.timeoutMs, AbortSignal.any([run.signal, stopWaiting.signal]))
      .then((): ScriptResult => ({ kind: 'timeout' }))
      .catch((): ScriptResult => ({ kind: 'failed', because: 'the agent is stopping' }));
    const result = await Promise.race([ended, limit]);
    if (child.pid !== undefined) await endGroup(clock, child.pid, ended);
    return result;
  } finally {
    stopWaiting.abort();
    closeSync(output);
  }
}

// A script may leave children behind whatever way it ended; what it wants to keep running has to
// leave the group (setsid).
async function endGroup(clock: Clock, group: number, ended: Promise<unknown>): Promise<void> {
  if (!signalGroup(group, 'SIGTERM')) return;
  const stop = new AbortController();
  const grace = clock.sleep(GRACE_MS, stop.signal).catch(() => undefined);
  await Promise.race([ended, grace]);
  stop.abort();
  signalGroup(group, 'SIGKILL');
}

function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function openLog(file: string): number {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return openSync(file, size > MAX_LOG_BYTES ? 'w' : 'a', 0o600);
}
