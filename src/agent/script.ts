// Runs one of the template's scripts in a process group of its own, with a time limit.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { signalGroup } from '../base/process-group.ts';
import { keepOutputShort, openOutput } from '../base/output-file.ts';

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

// What a script is given to end by itself after SIGTERM.
const GRACE_MS = 5_000;

/** Never rejects: what keeps a script from running is how it failed. */
export async function runScript(clock: Clock, run: ScriptRun): Promise<ScriptResult> {
  const output = openLog(run.logFile);
  const stopWaiting = new AbortController();
  void keepOutputShort(clock, [run.logFile], stopWaiting.signal);
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
  } catch (error) {
    return { kind: 'failed', because: error instanceof Error ? error.message : String(error) };
  } finally {
    stopWaiting.abort();
    if (output !== 'ignore') closeSync(output);
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

/** On a full disk a script can still do its work; then nobody reads what it says. */
function openLog(file: string): number | 'ignore' {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    return openOutput(file);
  } catch {
    return 'ignore';
  }
}
