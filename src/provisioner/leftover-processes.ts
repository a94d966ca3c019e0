// What attempts of an earlier life of this daemon left running: ended before anything else, and what
// they write at their end is stored (leftover.ts).
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Kit } from '../base/kit.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import { ATTEMPT_MARK } from './driver.ts';
import { findMarked, NESTED_MS, signalProcess, type MarkedProcesses } from './marked-process.ts';

/** How processes are found and reached. */
export interface AttemptProcesses {
  /** Those that work for attempts below `workDir`, by the attempts' folders. */
  find(workDir: string): MarkedProcesses;
  signal(identity: ProcessIdentity, signal: NodeJS.Signals): void;
}

export const ATTEMPT_PROCESSES: AttemptProcesses = {
  find: (workDir) =>
    // An attempt that has ended has no folder any more: what it left running was meant to stay.
    findMarked(
      ATTEMPT_MARK,
      (folder) => folder.startsWith(`${workDir}${path.sep}`) && existsSync(folder),
    ),
  signal: signalProcess,
};

export interface LeftoverProcessDeps extends Pick<Kit, 'clock' | 'log'> {
  readonly processes: AttemptProcesses;
}

/** What a tool is given to end in order, which is when it writes down what it has made. */
const INTERRUPT_MS = 60_000;
/** A process in an uninterruptible wait outlives SIGKILL for as long as that takes: nobody can wait for it. */
const KILLED_MS = 10_000;
const POLL_MS = 50;

/**
 * Ends what still works for attempts below `workDir`: interrupted first, then killed. Gives the
 * folders of what does not end by that either, if it is in no namespace of its own. Rejects when `signal` aborts.
 */
export async function endLeftoverProcesses(
  { clock, log, processes }: LeftoverProcessDeps,
  workDir: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const find = (where: keyof MarkedProcesses): readonly ProcessIdentity[] =>
    [...processes.find(workDir)[where].values()].flat();
  const kill = async (where: keyof MarkedProcesses, longestMs: number): Promise<void> => {
    const killedMs = clock.monotonicMs();
    for (let left = find(where); left.length > 0; left = find(where)) {
      if (clock.monotonicMs() - killedMs >= longestMs) break;
      for (const identity of left) processes.signal(identity, 'SIGKILL');
      await clock.sleep(POLL_MS, signal);
    }
  };
  const { outside, nested } = processes.find(workDir);
  const found = [...outside.values(), ...nested.values()].flat();
  if (found.length === 0) return new Set();
  log.warn('leftover.processes_found', { pids: found.map(({ pid }) => pid) });

  // Once: to terraform a second interrupt means to end at once, whatever is lost.
  for (const identity of found) processes.signal(identity, 'SIGINT');
  const interruptedMs = clock.monotonicMs();
  while (find('outside').length > 0 && clock.monotonicMs() - interruptedMs < INTERRUPT_MS) {
    await clock.sleep(POLL_MS, signal);
  }
  await kill('outside', KILLED_MS);
  await kill('nested', NESTED_MS);

  const unending = processes.find(workDir).outside;
  for (const [folder, identities] of unending) {
    log.critical('leftover.processes_unending', {
      folder,
      pids: identities.map(({ pid }) => pid),
      hint: 'End these processes by hand; the next start of the daemon stores their state and removes the folder.',
    });
  }
  return new Set(unending.keys());
}
