// The processes of a workspace: found by what every one of them inherits and by the group they are in,
// and ended for good.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import {
  identifyProcess,
  isSameProcess,
  lineOf,
  type ProcessIdentity,
} from '../../../base/process-identity.ts';
import type { Groups } from './cgroup/groups.ts';
import {
  findMarked,
  NESTED_MS,
  signalProcess,
  type MarkedProcesses,
} from '../../marked-process.ts';
import { childrenSchema, type Children } from './supervisor/plan.ts';
import { layoutOf } from './layout.ts';

/** In the environment of every process of a workspace: its folder. */
export const MARK = 'STANDBY_WORKSPACE_DIR';

export interface EndDeps {
  readonly clock: Clock;
  readonly groups: Groups;
}

/**
 * Ends every process of the workspace: the supervisor is asked, whatever is left is killed. Those in namespaces of
 * their own come last: mostly they end with what holds them.
 */
export async function endProcesses(
  { clock, groups }: EndDeps,
  folder: string,
  supervisor: ProcessIdentity | null,
): Promise<void> {
  if (supervisor !== null && signalProcess(supervisor, 'SIGTERM')) {
    await waitWhile(clock, ASK_MS, () => isSameProcess(supervisor));
  }
  // Of a program in the workspace that ends it, as with `standby down` in its shell: it would end itself half way.
  const own = new Set(lineOf(process.pid));
  const workspaceId = path.basename(folder);
  // What is looked at could have become another process by then, again and again. A shell that does this goes on.
  if (!groups.processesIn(workspaceId).some((pid) => own.has(pid))) groups.forbidForks(workspaceId);
  let left: readonly ProcessIdentity[] = [];
  let nested: readonly ProcessIdentity[] = [];
  for (let round = 0; ; round++) {
    left = left.filter((identity) => isSameProcess(identity));
    // All of the machine's are looked at only when what was found has gone.
    if (left.length === 0) {
      const found = processesOf(groups, folder, supervisor);
      left = found.certain.filter(({ pid }) => !own.has(pid));
      nested = found.nested;
    }
    if (left.length === 0) break;
    if (round === KILL_ROUNDS) {
      throw new Error(
        `processes of ${folder} cannot be ended: ${left.map(({ pid }) => pid).join(', ')}`,
      );
    }
    if (round === 0) groups.forbidForks(workspaceId);
    for (const identity of left) signalProcess(identity, 'SIGKILL');
    await clock.sleep(KILL_PAUSE_MS);
  }
  await endNested(clock, folder, nested);
}

/** As far as can be had: they may be an enemy's who makes more and more of them. */
async function endNested(
  clock: Clock,
  folder: string,
  found: readonly ProcessIdentity[],
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + NESTED_MS;
  let left = found;
  while (left.length > 0 && clock.monotonicMs() < deadlineMs) {
    for (const identity of left) signalProcess(identity, 'SIGKILL');
    await clock.sleep(KILL_PAUSE_MS);
    left = left.filter((identity) => isSameProcess(identity));
    if (left.length === 0) left = findOwn(folder).nested;
  }
}

// The supervisor gives its programs four seconds.
const ASK_MS = 8_000;
const KILL_ROUNDS = 100;
const KILL_PAUSE_MS = 20;
const POLL_MS = 20;

/** Takes the workspace's group away, in which nothing lives any more. */
export async function removeGroup({ clock, groups }: EndDeps, folder: string): Promise<void> {
  const workspaceId = path.basename(folder);
  for (let round = 0; !groups.remove(workspaceId); round++) {
    if (round === KILL_ROUNDS) {
      const pids = groups.processesIn(workspaceId);
      throw new Error(`the control group of ${folder} cannot be removed: in it ${pids.join(', ')}`);
    }
    await clock.sleep(KILL_PAUSE_MS);
  }
}

interface Found {
  /** Of this workspace without doubt. */
  readonly certain: readonly ProcessIdentity[];
  /** In namespaces of their own, with its mark. */
  readonly nested: readonly ProcessIdentity[];
}

function processesOf(groups: Groups, folder: string, supervisor: ProcessIdentity | null): Found {
  const recorded = [...(supervisor === null ? [] : [supervisor]), ...recordedChildren(folder)];
  const { outside, nested } = findOwn(folder);
  const grouped = groups
    .processesIn(path.basename(folder))
    .flatMap((pid) => identifyProcess(pid) ?? []);
  const living = recorded.filter((identity) => isSameProcess(identity));
  return { certain: [...living, ...outside, ...grouped], nested };
}

function findOwn(folder: string): Record<keyof MarkedProcesses, readonly ProcessIdentity[]> {
  const { outside, nested } = findMarked(MARK, (found) => found === folder);
  return { outside: outside.get(folder) ?? [], nested: nested.get(folder) ?? [] };
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
