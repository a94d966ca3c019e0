// A control group for each workspace: it keeps the workspace within its limits, and knows every process of it,
// also one that has left its parent and cleared its environment.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../../../../base/app-error.ts';
import type { ProcessLimits } from '../../../../contract/manifest/schema.ts';
import { readPids, removeGroup, writeGroupFile } from './group-tree.ts';
import { limitFiles } from './limit-files.ts';
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
        const group = path.join(openBase(place, name), workspaceId);
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
      const group = path.join(openBase(place, name), `try-${process.pid}`);
      makeFolder(group);
      const none = { memory_bytes: null, cpus: null, processes: null };
      for (const { name: file, isOptional } of limitFiles(controller, place, none)) {
        if (isOptional || existsSync(path.join(group, file))) continue;
        reasons.set(controller, `${place.parent} does not hand on the controller "${controller}"`);
      }
      rmdirSync(group);
    } catch (error) {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      reasons.set(controller, `no control group can be made in ${place.parent} (${code})`);
    }
    removeIfEmpty(path.join(place.parent, name));
  }
  return reasons;
}

/** The folder of all groups of the daemon. In version 2 each level is to hand the controllers on. */
function openBase({ version, parent }: Place, name: string): string {
  const base = path.join(parent, name);
  makeFolder(base);
  if (version === 2) {
    for (const folder of [parent, base]) {
      const has = readIfThere(path.join(folder, 'cgroup.controllers')).trim().split(' ');
      const hands = readIfThere(path.join(folder, 'cgroup.subtree_control')).trim().split(' ');
      for (const controller of CONTROLLERS) {
        if (!has.includes(controller) || hands.includes(controller)) continue;
        writeGroupFile(path.join(folder, 'cgroup.subtree_control'), `+${controller}`);
      }
    }
  }
  return base;
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
