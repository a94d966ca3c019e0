// Whether a program that was started to join its groups has done so: only then is it the program.
import { readFileSync } from 'node:fs';
import type { Clock } from '../../../../base/clock.ts';
import { identifyProcess, type ProcessIdentity } from '../../../../base/process-identity.ts';
import { isJoining } from './join.ts';

// It takes a millisecond or two. A group may be frozen, and whoever joins it then waits for ever.
const POLL_MS = 2;
const LONGEST_MS = 5_000;

/** Undefined where it could not join, and ended. */
export async function awaitJoined(clock: Clock, pid: number): Promise<ProcessIdentity | undefined> {
  const deadlineMs = clock.monotonicMs() + LONGEST_MS;
  while (identifyProcess(pid) !== undefined && isJoining(commandLineOf(pid))) {
    if (clock.monotonicMs() > deadlineMs) return undefined;
    await clock.sleep(POLL_MS);
  }
  return identifyProcess(pid);
}

function commandLineOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it went
  }
}
