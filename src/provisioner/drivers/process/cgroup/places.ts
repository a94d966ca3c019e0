// Where this machine has the control groups of each controller, by what the kernel tells: version 2, version 1,
// or some of each.
import { readFileSync } from 'node:fs';
import path from 'node:path';

export const CONTROLLERS = ['memory', 'cpu', 'pids'] as const;
export type Controller = (typeof CONTROLLERS)[number];

export interface Place {
  readonly version: 1 | 2;
  /** The folder in which groups of the daemon's own may be made. */
  readonly parent: string;
}

export type Places = ReadonlyMap<Controller, Place>;

export interface KernelTexts {
  /** /proc/self/mountinfo */
  readonly mounts: string;
  /** /proc/self/cgroup */
  readonly own: string;
  readonly isRoot: boolean;
}

export function readPlaces(): Places {
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return ''; // no Linux
    }
  };
  return findPlaces({
    mounts: read('/proc/self/mountinfo'),
    own: read('/proc/self/cgroup'),
    isRoot: process.getuid?.() === 0,
  });
}

/** A controller is in one hierarchy only: what no version 1 has can but be in version 2. */
export function findPlaces({ mounts, own, isRoot }: KernelTexts): Places {
  const mounted = mounts.split('\n').flatMap((line) => parseMount(line) ?? []);
  const unified = mounted.find(({ type }) => type === 'cgroup2');
  const places = new Map<Controller, Place>();
  for (const controller of CONTROLLERS) {
    const former = mounted.find(
      ({ type, options }) => type === 'cgroup' && options.includes(controller),
    );
    if (former !== undefined) {
      places.set(controller, { version: 1, parent: former.point });
    } else if (unified !== undefined) {
      // Root may use the top. Anybody else has what was delegated: beside the daemon's own group, since a group
      // that hands controllers on holds no processes.
      const parent = isRoot ? unified.point : path.join(unified.point, besideOwn(own));
      places.set(controller, { version: 2, parent });
    }
  }
  return places;
}

function besideOwn(own: string): string {
  return path.dirname(/^0::(\/.*)$/m.exec(own)?.[1] ?? '/');
}

interface Mount {
  readonly type: string;
  readonly point: string;
  readonly options: readonly string[];
}

/** `36 35 0:31 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids` */
function parseMount(line: string): Mount | undefined {
  const [before = '', after = ''] = line.split(' - ');
  const [, , , , point] = before.split(' ');
  const [type, , options = ''] = after.split(' ');
  if (point === undefined || type === undefined) return undefined;
  return { type, point, options: options.split(',') };
}
