// A control group for each workspace: it keeps the workspace within its limits, and knows every process of it,
// also one that has left its parent and cleared its environment.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../../../base/app-error.ts';
import type { ProcessLimits } from '../../../../contract/manifest/schema.ts';
import { readPids, removeGroup, writeGroupFile } from './group-tree.ts';
import { joining } from './join.ts';
import { findLack, limitFiles } from './limit-files.ts';
import { CONTROLLERS, type Controller, type Place, type Places } from './places.ts';

export interface Groups {
  /** In words and short: what limits can be kept here, and by what. */
  readonly summary: string;
  /** Throws LIMITS_UNAVAILABLE, with the reason and the remedy, where one of the limits cannot be kept. */
  check(limits: ProcessLimits): void;
  /**
   * Has the workspace's group there, within these limits. Gives the files by which a process joins it;
   * none where this machine has no groups for the daemon and no limit is asked for.
   */
  prepare(workspaceId: string, limits: ProcessLimits): readonly string[];
  /** The same files, of a group that is there. */
  joinFiles(workspaceId: string): readonly string[];
  /** Pids of what lives in it. */
  processesIn(workspaceId: string): readonly number[];
  /** What is in it can start nothing more, until it is prepared anew; where that can be had. Never throws. */
  forbidForks(workspaceId: string): void;
  /** Takes the process out of all of the daemon's, where that can be had. Never throws. */
  leave(pid: number): void;
  /** How often the kernel has killed something in it for its memory; 0 where nothing tells. */
  countMemoryKills(workspaceId: string): number;
  /** False where the kernel holds on to it, as for a moment after the end of the last that lived in it. */
  remove(workspaceId: string): boolean;
  /** The workspaces that have one. */
  list(): readonly string[];
}

const LIMITED: Readonly<Record<Controller, keyof ProcessLimits>> = {
  memory: 'memory_bytes',
  cpu: 'cpus',
  pids: 'processes',
};
const KEYS: Readonly<Record<Controller, string>> = {
  memory: 'limits.memory',
  cpu: 'limits.cpus',
  pids: 'limits.processes',
};
const REMEDY =
  'Run the daemon as root, or as a service with Delegate=yes and DelegateSubgroup=daemon ' +
  '(docs/process-driver.md), or take the limits out of the template';

/** Of the daemon whose workspaces are in `folder`. */
export function createGroups(places: Places, folder: string): Groups {
  const name = `standby-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;
  const baseOf = ({ parent }: Place): string => path.join(parent, name);
  const reasons = findReasons(places, name);
  const usable = [...places].filter(([controller]) => !reasons.has(controller));
  const bases = [...new Set(usable.map(([, place]) => baseOf(place)))];
  const groupsOf = (workspaceId: string): readonly string[] =>
    bases.map((base) => path.join(base, workspaceId)).filter((group) => existsSync(group));
  const placeOf = (controller: Controller): Place | undefined =>
    usable.find(([one]) => one === controller)?.[1];

  const joinFiles = (workspaceId: string): readonly string[] =>
    groupsOf(workspaceId).map((group) => path.join(group, 'cgroup.procs'));
  const check = (limits: ProcessLimits): void => {
    for (const controller of CONTROLLERS) {
      const reason = reasons.get(controller);
      if (limits[LIMITED[controller]] === null || reason === undefined) continue;
      const detail = `${KEYS[controller]} cannot be kept on this machine: ${reason}. ${REMEDY}`;
      throw new AppError('LIMITS_UNAVAILABLE', detail);
    }
  };

  return {
    summary: summarize(usable),
    check,
    prepare: (workspaceId, limits) => {
      check(limits);
      for (const [controller, place] of usable) {
        const group = path.join(openBase(place, name).base, workspaceId);
        makeFolder(group);
        for (const { name: file, value, isOptional } of limitFiles(controller, place, limits)) {
          if (isOptional && !existsSync(path.join(group, file))) continue;
          writeGroupFile(path.join(group, file), value);
        }
      }
      return joinFiles(workspaceId);
    },
    joinFiles,
    processesIn: (workspaceId) => [
      ...new Set(groupsOf(workspaceId).flatMap((group) => readPids(group))),
    ],
    forbidForks: (workspaceId) => {
      for (const group of groupsOf(workspaceId)) {
        const file = path.join(group, 'pids.max');
        try {
          if (existsSync(file)) writeGroupFile(file, '0');
        } catch {
          // It only spares rounds to whoever ends what is in it.
        }
      }
    },
    leave: (pid) => {
      for (const base of bases) {
        const groups = listGroups(base).map((name) => path.join(base, name));
        if (!groups.some((group) => readPids(group).includes(pid))) continue;
        try {
          writeGroupFile(path.join(path.dirname(base), 'cgroup.procs'), String(pid));
        } catch {
          // It is spared in the group as well, but can start nothing more once that may not.
        }
      }
    },
    countMemoryKills: (workspaceId) => {
      const place = placeOf('memory');
      if (place === undefined) return 0;
      const file = place.version === 2 ? 'memory.events' : 'memory.oom_control';
      const text = readIfThere(path.join(baseOf(place), workspaceId, file));
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    },
    remove: (workspaceId) => {
      const groups = groupsOf(workspaceId);
      if (!groups.every((group) => removeGroup(group))) return false;
      for (const base of bases) removeIfEmpty(base);
      return true;
    },
    list: () => [...new Set(bases.flatMap((base) => listGroups(base)))],
  };
}

/** Why a controller cannot be used, by trying it. */
function findReasons(places: Places, name: string): ReadonlyMap<Controller, string> {
  const reasons = new Map<Controller, string>();
  for (const controller of CONTROLLERS) {
    const place = places.get(controller);
    if (place === undefined) {
      reasons.set(controller, `it has no control groups with the controller "${controller}"`);
      continue;
    }
    try {
      const { base, refused } = openBase(place, name);
      const group = path.join(base, `try-${process.pid}`);
      makeFolder(group);
      const has = (file: string): boolean => existsSync(path.join(group, file));
      const lack = findLack(controller, place, { has, swaps: readIfThere('/proc/swaps') });
      const because = refused.get(controller);
      if (lack !== undefined) {
        reasons.set(controller, because === undefined ? lack : `${lack} (${because})`);
      } else if (!canJoin(group)) {
        reasons.set(controller, `no process can join a control group in ${place.parent}`);
      }
      for (let tries = 0; !removeGroup(group) && tries < REMOVE_TRIES; tries++);
    } catch (error) {
      reasons.set(controller, `no control group can be made in ${place.parent} (${codeOf(error)})`);
    }
    removeIfEmpty(path.join(place.parent, name));
  }
  return reasons;
}

// For the moment after the end of the process that joined it.
const REMOVE_TRIES = 1_000;

/** As one that is taken for a part of the group around it cannot be, where only some controllers are handed on. */
function canJoin(group: string): boolean {
  const [file = '', ...args] = joining([path.join(group, 'cgroup.procs')], ['/bin/sh', '-c', ':']);
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}

interface Base {
  readonly base: string;
  /** What was not handed on, and why. */
  readonly refused: ReadonlyMap<Controller, string>;
}

/** The folder of all groups of the daemon. In version 2 each level is to hand the controllers on. */
function openBase({ version, parent }: Place, name: string): Base {
  const base = path.join(parent, name);
  makeFolder(base);
  const refused = new Map<Controller, string>();
  for (const folder of version === 2 ? [parent, base] : []) {
    const has = readIfThere(path.join(folder, 'cgroup.controllers')).trim().split(' ');
    const hands = readIfThere(path.join(folder, 'cgroup.subtree_control')).trim().split(' ');
    for (const controller of CONTROLLERS) {
      if (!has.includes(controller) || hands.includes(controller)) continue;
      try {
        writeGroupFile(path.join(folder, 'cgroup.subtree_control'), `+${controller}`);
      } catch (error) {
        const code = codeOf(error);
        refused.set(controller, code === 'EBUSY' ? 'EBUSY: processes are in it' : code);
      }
    }
  }
  return { base, refused };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function summarize(usable: readonly (readonly [Controller, Place])[]): string {
  if (usable.length === 0) return 'no limits';
  const versions = [...new Set(usable.map(([, { version }]) => `v${version}`))].sort();
  const limits = usable.map(([controller]) => KEYS[controller].replace('limits.', ''));
  return `limits of ${limits.join(', ')} by cgroup ${versions.join('+')}`;
}

/** Not with all above it: what has to be there is not made, and below /proc that would never end. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function listGroups(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Another workspace is in it, or there was none.
  }
}
