// A control group with all below it, which programs in it have made: deeper than a path can be long, and closed to
// the daemon although it is its own user's.
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { openedUp } from '../../../../base/opened-up.ts';

type GroupPath = string | Buffer;

interface Level {
  readonly name: Buffer;
  /** What is still to be visited in it. */
  readonly below: Buffer[];
}

/** Pids of what lives in it. */
export function readPids(group: string): readonly number[] {
  const pids: number[] = [];
  visitDeepestFirst(group, (one) => {
    pids.push(...readProcs(inside(one, 'cgroup.procs')).split('\n').filter(Boolean).map(Number));
  });
  return pids;
}

/** False where the kernel holds on to it, as for a moment after the end of the last that lived in it. */
export function removeGroup(group: string): boolean {
  let isGone = true;
  visitDeepestFirst(group, (one) => {
    try {
      rmdirSync(one);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EBUSY') isGone = false;
      else if (code !== 'ENOENT') throw error;
    }
  });
  return isGone;
}

/** Never made: what is not there is no group's. */
export function writeGroupFile(file: string, value: string): void {
  openedUp(file, { mode: 0o644, use: () => writeFileSync(file, value, { flag: 'r+' }) });
}

/** Each is told by a path that is short however deep it is, and good for as long as the visit. */
function visitDeepestFirst(top: string, visit: (group: GroupPath) => void): void {
  const opened = openFolder(top);
  if (opened === undefined) return;
  let folder: number = opened;
  try {
    const way: Level[] = [{ name: Buffer.of(), below: foldersIn(folder) }];
    for (let level = way.at(-1); level !== undefined; level = way.at(-1)) {
      const name = level.below.pop();
      if (name === undefined) {
        way.pop();
        if (way.length === 0) break;
        folder = exchange(folder, openSync(inside(within(folder), '..'), constants.O_RDONLY));
        visit(inside(within(folder), level.name));
      } else {
        const below = openFolder(inside(within(folder), name));
        if (below === undefined) continue;
        folder = exchange(folder, below);
        way.push({ name, below: foldersIn(folder) });
      }
    }
  } finally {
    closeSync(folder);
  }
  visit(top);
}

/** Undefined for one that went meanwhile. */
function openFolder(folder: GroupPath): number | undefined {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, R_OK, W_OK, X_OK } = constants;
  try {
    return openedUp(folder, {
      mode: 0o755,
      use: () => {
        accessSync(folder, R_OK | W_OK | X_OK);
        return openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      },
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** One is open at a time: a depth of thousands takes no more of them. */
function exchange(former: number, next: number): number {
  closeSync(former);
  return next;
}

function foldersIn(folder: number): Buffer[] {
  try {
    return readdirSync(within(folder), { withFileTypes: true, encoding: 'buffer' })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // removed since it was opened
    throw error;
  }
}

function readProcs(file: Buffer): string {
  try {
    return openedUp(file, { mode: 0o644, use: () => readFileSync(file, 'utf8') });
  } catch {
    return ''; // gone, or of threads, whose processes the group above tells
  }
}

function within(folder: number): string {
  return `/proc/self/fd/${folder}`;
}

/** In bytes: a name need not be text. */
function inside(folder: GroupPath, name: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder), Buffer.from('/'), Buffer.from(name)]);
}
