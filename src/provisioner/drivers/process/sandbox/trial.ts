// Runs something in the sandbox to learn whether it can.
import type { Clock } from '../../../../base/clock.ts';
import { excerpt } from '../../../../base/excerpt.ts';
import { signalGroup } from '../../../../base/process-group.ts';
import type { Program } from '../supervisor/plan.ts';
import { spawnProgram } from '../supervisor/spawn-program.ts';

export interface TrialOptions {
  readonly clock: Clock;
  /** Of the job for which it is tried; it ends the trial. */
  readonly signal?: AbortSignal | undefined;
}

// It takes some 10 ms. What stands still, as on a file system that does, would keep the daemon from starting.
const LONGEST_MS = 10_000;

export function trialOf(
  argv: string[],
  { cwd, searchPath }: { readonly cwd: string; readonly searchPath: string },
): Program {
  const environment = { PATH: searchPath };
  const bare = { output: '', within: [], seen: null, input: null, filter: null };
  return { ...bare, name: 'trial', argv, cwd, environment };
}

/** Gives why it failed. */
export async function runTrial(
  program: Program,
  { clock, signal }: TrialOptions,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  const child = spawnProgram(program, [...program.within, ...program.argv], 'pipe');
  let told = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (told += text));
  const ended = new Promise<string | undefined>((resolve) => {
    child.on('error', ({ message }) => resolve(message));
    child.on('close', (code) => resolve(code === 0 ? undefined : reasonOf(told, code)));
  });
  const over = new AbortController();
  const end = (): void => over.abort();
  signal?.addEventListener('abort', end, { once: true });
  const late = clock
    .sleep(LONGEST_MS, over.signal)
    .then(() => `bwrap did not answer within ${LONGEST_MS / 1_000} seconds`)
    .catch(() => undefined);
  let because: string | undefined;
  try {
    because = await Promise.race([ended, late]);
  } finally {
    signal?.removeEventListener('abort', end);
    over.abort();
    const hangs = child.exitCode === null && child.signalCode === null;
    if (hangs && child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    child.stderr?.destroy();
  }
  signal?.throwIfAborted();
  return because;
}

function reasonOf(told: string, code: number | null): string {
  const [line = ''] = told.trim().split('\n');
  return line === '' ? `bwrap ended with ${code ?? 'a signal'}` : excerpt(line);
}
