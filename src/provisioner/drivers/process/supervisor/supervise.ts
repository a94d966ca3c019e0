// Runs programs, each in a process group of its own, and starts again what ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../../../base/clock.ts';
import { identifyProcess } from '../../../../base/process-identity.ts';
import type { Children, Plan, Program } from './plan.ts';

// A program that keeps ending is started ever more rarely; one that lived a while begins anew.
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 30_000;
const LIVED_A_WHILE_MS = 60_000;
/** Between the request to end and the end. */
const GRACE_MS = 4_000;
/** Output beyond this starts the file anew, the former kept beside it. */
const MAX_OUTPUT_BYTES = 5_000_000;

type Child = { -readonly [K in keyof Children[number]]: Children[number][K] };

/** Resolves when the signal was aborted and all programs have ended. */
export async function supervise(clock: Clock, plan: Plan, signal: AbortSignal): Promise<void> {
  const children: Child[] = plan.programs.map(({ name }) => ({
    name,
    process: null,
    restarts: 0,
    lastExit: null,
  }));
  const tell = (): void => {
    const scratch = `${plan.children}.new`;
    writeFileSync(scratch, JSON.stringify(children satisfies Children), { mode: 0o600 });
    renameSync(scratch, plan.children);
  };
  await Promise.all(
    plan.programs.map(async (program, index) => {
      const child = children[index];
      if (child !== undefined) await keepAlive(clock, { program, child, tell }, signal);
    }),
  );
}

interface Kept {
  readonly program: Program;
  readonly child: Child;
  readonly tell: () => void;
}

async function keepAlive(clock: Clock, kept: Kept, signal: AbortSignal): Promise<void> {
  const { child, program, tell } = kept;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    if (isAborted(signal)) return;
    const startedMs = clock.monotonicMs();
    const process = start(program);
    const ended = endOf(process);
    child.process = process.pid === undefined ? null : (identifyProcess(process.pid) ?? null);
    tell();
    const stopped = onAbort(signal);
    await Promise.race([ended, stopped.promise]);
    stopped.forget();
    if (isAborted(signal)) return end(clock, process, ended);
    child.lastExit = await ended;
    child.process = null;
    // What the program left in its group is part of it.
    if (process.pid !== undefined) signalGroup(process.pid, 'SIGKILL');
    if (clock.monotonicMs() - startedMs > LIVED_A_WHILE_MS) pauseMs = FIRST_PAUSE_MS;
    child.restarts += 1;
    tell();
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
  }
}

function start(program: Program): ChildProcess {
  const [file = '', ...args] = program.argv;
  const output = openOutput(program.output);
  try {
    return spawn(file, args, {
      cwd: program.cwd,
      env: program.environment,
      stdio: ['ignore', output, output],
      detached: true,
    });
  } finally {
    closeSync(output);
  }
}

function endOf(process: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    process.on('error', (error) => resolve(error.message));
    process.on('exit', (code, signal) => resolve(signal ?? `exit status ${code ?? 'unknown'}`));
  });
}

async function end(clock: Clock, process: ChildProcess, ended: Promise<string>): Promise<void> {
  if (process.pid === undefined) return;
  signalGroup(process.pid, 'SIGTERM');
  const grace = new AbortController();
  await Promise.race([ended, clock.sleep(GRACE_MS, grace.signal).catch(() => undefined)]);
  grace.abort();
  signalGroup(process.pid, 'SIGKILL');
  await ended;
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function openOutput(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_OUTPUT_BYTES) renameSync(file, `${file}.old`);
  return openSync(file, 'a', 0o600);
}

function onAbort(signal: AbortSignal): { readonly promise: Promise<void>; forget(): void } {
  let forget = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    const done = (): void => resolve();
    signal.addEventListener('abort', done, { once: true });
    forget = () => signal.removeEventListener('abort', done);
  });
  return { promise, forget: () => forget() };
}

// A function, because the compiler believes that a signal once seen unaborted stays so.
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
