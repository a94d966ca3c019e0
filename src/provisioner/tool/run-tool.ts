// Runs a program in a process group of its own and reads what it says line by line. Whatever way it
// ends, nothing of its group is left running: a program that is ended alone leaves the children of
// its children behind (measured with terraform and local-exec).
//
// It writes to files, not to pipes: when the daemon is killed, a program at a pipe's other end dies
// of its next line, and terraform then forgets what it was making. At a file it works on, writes its
// state, and is found by the daemon's next life.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import { isGroupAlive, signalGroup } from '../../base/process-group.ts';
import { createLineSplitter } from './lines.ts';

export interface ToolRun {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where what it says is written, over what a former run said. */
  readonly outputFolder: string;
  readonly onLine: (stream: Stream, line: string) => void;
  /** Aborted: the program is to stop, by what it can do for that itself. */
  readonly signal: AbortSignal;
  readonly patience?: Patience | undefined;
}

export type Stream = 'stdout' | 'stderr';

/** How long a program that was interrupted is waited for. */
export interface Patience {
  /** From SIGINT until SIGTERM. */
  readonly interruptMs: number;
  /** From SIGTERM until SIGKILL. */
  readonly terminateMs: number;
}

export interface ToolEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  /** It did not end by the interrupt: it was terminated, or killed after that. */
  readonly forced: boolean;
  /** It had ended, and processes it had started had not: they were ended. */
  readonly leftBehind: boolean;
  /** Its process group, when there are processes in it that nothing ends. */
  readonly unending: number | null;
}

/**
 * Ten minutes altogether, the last half of one after SIGTERM: clouds take that long to finish what
 * they have begun, and what is killed before is in no state.
 */
const PATIENCE: Patience = { interruptMs: 570_000, terminateMs: 30_000 };
/** For what a program that has ended left running: its own work is done. */
const REST_MS = 5_000;
/** A process in an uninterruptible wait outlives SIGKILL for as long as that takes. */
const KILLED_MS = 10_000;
const POLL_MS = 20;
/** Lines go on once a second; this is soon enough, and nearly free. */
const READ_EVERY_MS = 100;
const CHUNK_BYTES = 64 * 1024;

/** Throws the signal's reason when it is aborted before the program runs, BUILD_FAILED if it cannot. */
export async function runTool(clock: Clock, run: ToolRun): Promise<ToolEnd> {
  run.signal.throwIfAborted();
  const started = start(run);
  const ended = new AbortController();
  const exitCode = started.exitCode.finally(() => ended.abort());
  const gone = new AbortController();
  const reading = Promise.all(
    STREAMS.map((stream) => follow(clock, { run, stream, ended: gone.signal })),
  );
  let forced = false;
  const stop = async (): Promise<void> => {
    if (started.group === undefined) return;
    await interrupt(clock, started.group, {
      ...run,
      ended: ended.signal,
      onForced: () => (forced = true),
    });
  };
  run.signal.addEventListener('abort', () => void stop(), { once: true, signal: ended.signal });
  try {
    const code = await exitCode;
    const rest = started.group === undefined ? NOTHING : await endRest(clock, started.group);
    return { exitCode: code, forced, ...rest };
  } finally {
    gone.abort();
    await reading;
  }
}

const NOTHING = { leftBehind: false, unending: null };
const STREAMS: readonly Stream[] = ['stdout', 'stderr'];

interface Running {
  readonly group: number | undefined;
  /** Rejects when it could not be run. */
  readonly exitCode: Promise<number | null>;
}

function start(run: ToolRun): Running {
  const outputs = STREAMS.map((stream) => openSync(outputFile(run, stream), 'w', 0o600));
  try {
    const child = spawn(run.file, [...run.args], {
      cwd: run.cwd,
      env: { ...run.environment },
      stdio: ['ignore', ...outputs],
      detached: true,
    });
    const exitCode = new Promise<number | null>((resolve, reject) => {
      child.once('error', (error) => reject(cannotRun(run, error)));
      child.once('exit', (code) => resolve(code));
    });
    return { group: child.pid, exitCode };
  } finally {
    for (const output of outputs) closeSync(output);
  }
}

function outputFile({ outputFolder }: ToolRun, stream: Stream): string {
  return path.join(outputFolder, `tool.${stream}`);
}

/** Asks until it ends. Never rejects. */
async function interrupt(
  clock: Clock,
  group: number,
  options: {
    readonly patience?: Patience | undefined;
    readonly ended: AbortSignal;
    readonly onForced: () => void;
  },
): Promise<void> {
  const { patience = PATIENCE, ended, onForced } = options;
  // Once: to terraform a second one, and SIGTERM is that too, means to end at once whatever is lost.
  signalGroup(group, 'SIGINT');
  if (await abortsWithin(clock, patience.interruptMs, ended)) return;
  onForced();
  signalGroup(group, 'SIGTERM');
  if (await abortsWithin(clock, patience.terminateMs, ended)) return;
  signalGroup(group, 'SIGKILL');
}

async function abortsWithin(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return false;
  } catch {
    return true;
  }
}

async function endRest(
  clock: Clock,
  group: number,
): Promise<Pick<ToolEnd, 'leftBehind' | 'unending'>> {
  if (!isGroupAlive(group)) return NOTHING;
  signalGroup(group, 'SIGTERM');
  if (await isGone(clock, group, REST_MS)) return { leftBehind: true, unending: null };
  signalGroup(group, 'SIGKILL');
  const gone = await isGone(clock, group, KILLED_MS);
  return { leftBehind: true, unending: gone ? null : group };
}

async function isGone(clock: Clock, group: number, longestMs: number): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + longestMs;
  while (isGroupAlive(group)) {
    if (clock.monotonicMs() > deadlineMs) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/** Reads what is written to the stream's file until `ended`, and then the rest of it. */
async function follow(
  clock: Clock,
  { run, stream, ended }: { run: ToolRun; stream: Stream; ended: AbortSignal },
): Promise<void> {
  const splitter = createLineSplitter((line) => run.onLine(stream, line));
  const file = await open(outputFile(run, stream), 'r');
  try {
    for (let last = false; !last;) {
      // What is written until now is all there is, if it had ended before.
      last = ended.aborted || (await abortsWithin(clock, READ_EVERY_MS, ended));
      await readOn(file, (chunk) => splitter.add(chunk));
    }
  } finally {
    await file.close();
  }
  splitter.end();
}

async function readOn(file: FileHandle, take: (chunk: Uint8Array) => void): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer);
    if (bytesRead === 0) return;
    take(buffer.subarray(0, bytesRead));
  }
}

function cannotRun({ file }: ToolRun, error: Error): AppError {
  return new AppError('BUILD_FAILED', `${file} cannot be run: ${error.message}`, { cause: error });
}
