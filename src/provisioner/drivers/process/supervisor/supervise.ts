// Runs programs, each in a process group of its own, and starts again what ends. Nothing that a full
// disk or a program's own doing brings about may end it: with it the workspace counts as gone.
import type { ChildProcess } from 'node:child_process';
import { closeSync, renameSync, writeFileSync } from 'node:fs';
import { isAborted } from '../../../../base/abort.ts';
import type { Clock } from '../../../../base/clock.ts';
import { keepOutputShort, openOutput } from '../../../../base/output-file.ts';
import { signalGroup } from '../../../../base/process-group.ts';
import { identifyProcess } from '../../../../base/process-identity.ts';
import { expendable } from '../cgroup/expendable.ts';
import type { Children, Plan, Program } from './plan.ts';
import { spawnProgram } from './spawn-program.ts';

// A program that keeps ending is started ever more rarely; one that lived a while begins anew.
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 30_000;
const LIVED_A_WHILE_MS = 60_000;
/** Between the request to end and the end. */
const GRACE_MS = 4_000;

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
    try {
      writeFileSync(scratch, JSON.stringify(children satisfies Children), { mode: 0o600 });
      renameSync(scratch, plan.children);
    } catch {
      // It is told at the next change; what runs is found by its mark as well.
    }
  };
  const outputs = new Set(plan.programs.map(({ output }) => output));
  void keepOutputShort(clock, [...outputs], signal);
  await Promise.all(
    plan.programs.map(async (program, index) => {
      const child = children[index];
      const { limits } = plan;
      if (child !== undefined) await keepAlive(clock, { program, limits, child, tell }, signal);
    }),
  );
}

interface Kept extends Pick<Plan, 'limits'> {
  readonly program: Program;
  readonly child: Child;
  readonly tell: () => void;
}

async function keepAlive(clock: Clock, kept: Kept, signal: AbortSignal): Promise<void> {
  const { child, tell } = kept;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    if (isAborted(signal)) return;
    const startedMs = clock.monotonicMs();
    const { pid, ended } = start(kept);
    child.process = pid === undefined ? null : (identifyProcess(pid) ?? null);
    tell();
    const stopped = onAbort(signal);
    await Promise.race([ended, stopped.promise]);
    stopped.forget();
    if (isAborted(signal)) return end(clock, { pid, ended });
    child.lastExit = await ended;
    child.process = null;
    // What the program left in its group is part of it.
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    if (clock.monotonicMs() - startedMs > LIVED_A_WHILE_MS) pauseMs = FIRST_PAUSE_MS;
    child.restarts += 1;
    tell();
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
  }
}

interface Started {
  /** Undefined for one that could not be started. */
  readonly pid: number | undefined;
  /** How it ended, in words. */
  readonly ended: Promise<string>;
}

function start({ program, limits }: Pick<Kept, 'program' | 'limits'>): Started {
  try {
    const output = openOutput(program.output);
    try {
      const argv = expendable(limits, [...program.within, ...program.argv]);
      const process = spawnProgram(program, argv, output);
      return { pid: process.pid, ended: endOf(process) };
    } finally {
      closeSync(output);
    }
  } catch (error) {
    return { pid: undefined, ended: Promise.resolve(String(error)) };
  }
}

function endOf(process: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    process.on('error', (error) => resolve(error.message));
    process.on('exit', (code, signal) => resolve(signal ?? `exit status ${code ?? 'unknown'}`));
  });
}

async function end(clock: Clock, { pid, ended }: Started): Promise<void> {
  if (pid === undefined) return;
  signalGroup(pid, 'SIGTERM');
  const grace = new AbortController();
  await Promise.race([ended, clock.sleep(GRACE_MS, grace.signal).catch(() => undefined)]);
  grace.abort();
  signalGroup(pid, 'SIGKILL');
  await ended;
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
