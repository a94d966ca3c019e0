// The processes of a workspace: found by what every one of them inherits, and ended for good.
import { readFileSync } from 'node:fs';
import type { Clock } from '../../../base/clock.ts';
import { isSameProcess, type ProcessIdentity } from '../../../base/process-identity.ts';
import { findMarked, signalProcess } from '../../marked-process.ts';
import { childrenSchema, type Children } from './supervisor/plan.ts';
import { layoutOf } from './layout.ts';

/** In the environment of every process of a workspace: its folder. */
export const MARK = 'STANDBY_WORKSPACE_DIR';

/** Ends every process of the workspace: the supervisor is asked, whatever is left is killed. */
export async function endProcesses(
  clock: Clock,
  folder: string,
  supervisor: ProcessIdentity | null,
): Promise<void> {
  if (supervisor !== null && signalProcess(supervisor, 'SIGTERM')) {
    await waitWhile(clock, ASK_MS, () => isSameProcess(supervisor));
  }
  for (let round = 0; ; round++) {
    const left = processesOf(folder, supervisor);
    if (left.length === 0) return;
    if (round === KILL_ROUNDS) {
      throw new Error(
        `processes of ${folder} cannot be ended: ${left.map(({ pid }) => pid).join(', ')}`,
      );
    }
    for (const identity of left) signalProcess(identity, 'SIGKILL');
    await clock.sleep(KILL_PAUSE_MS);
  }
}

// The supervisor gives its programs four seconds.
const ASK_MS = 8_000;
const KILL_ROUNDS = 100;
const KILL_PAUSE_MS = 20;
const POLL_MS = 20;

function processesOf(
  folder: string,
  supervisor: ProcessIdentity | null,
): readonly ProcessIdentity[] {
  const recorded = [...(supervisor === null ? [] : [supervisor]), ...recordedChildren(folder)];
  const marked = [...findMarked(MARK, (found) => found === folder).values()].flat();
  return [...recorded.filter((identity) => isSameProcess(identity)), ...marked];
}

/** Whether something that has ended waits to be started again. */
export function isWaiting(folder: string): boolean {
  return readChildren(folder).some((child) => child.process === null);
}

function recordedChildren(folder: string): readonly ProcessIdentity[] {
  return readChildren(folder).flatMap((child) => child.process ?? []);
}

function readChildren(folder: string): Children {
  try {
    return childrenSchema.parse(JSON.parse(readFileSync(layoutOf(folder).children, 'utf8')));
  } catch {
    return []; // none yet, or not ours; the mark finds them
  }
}

async function waitWhile(clock: Clock, longestMs: number, holds: () => boolean): Promise<void> {
  const deadlineMs = clock.monotonicMs() + longestMs;
  while (holds() && clock.monotonicMs() < deadlineMs) await clock.sleep(POLL_MS);
}
