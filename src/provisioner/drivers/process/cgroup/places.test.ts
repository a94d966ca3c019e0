import { describe, expect, it } from 'vitest';
import { findLack, limitFiles } from './limit-files.ts';
import { findPlaces } from './places.ts';

const UNIFIED = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
const HYBRID = `
25 22 0:21 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
26 25 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
28 25 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
29 25 0:25 / /sys/fs/cgroup/cpuset rw shared:10 - cgroup cgroup rw,cpuset
31 25 0:27 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory`;

describe('where control groups may be made', () => {
  it('is the top for root, and beside the own group for anybody else', () => {
    const own = '0::/system.slice/standby.service/daemon\n';
    const at = (isRoot: boolean) => findPlaces({ mounts: UNIFIED, own, isRoot }).get('memory');
    expect(at(true)).toEqual({ version: 2, parent: '/sys/fs/cgroup' });
    expect(at(false)).toEqual({
      ...{ version: 2, parent: '/sys/fs/cgroup/system.slice/standby.service' },
    });
  });

  it('is told for each controller, which may be in one version or the other', () => {
    const places = findPlaces({ mounts: HYBRID, own: '0::/\n', isRoot: true });
    expect(places.get('cpu')).toEqual({ version: 1, parent: '/sys/fs/cgroup/cpu,cpuacct' });
    expect(places.get('memory')).toEqual({ version: 1, parent: '/sys/fs/cgroup/memory' });
    expect(places.get('pids')).toEqual({ version: 2, parent: '/sys/fs/cgroup/unified' });
  });

  it('is nowhere on a machine that has none', () => {
    expect(findPlaces({ mounts: '', own: '', isRoot: true }).size).toBe(0);
  });
});

describe('what is written to a group', () => {
  const limits = { memory_bytes: 2 ** 27, cpus: 0.25, processes: 64 };
  const none = { memory_bytes: null, cpus: null, processes: null };
  const told = (version: 1 | 2, given: typeof limits | typeof none): readonly string[] =>
    (['memory', 'cpu', 'pids'] as const).flatMap((controller) =>
      limitFiles(controller, { version }, given).map(({ name, value }) => `${name} ${value}`),
    );

  it('limits it, in the words of its version', () => {
    expect(told(2, limits)).toEqual([
      'memory.max 134217728',
      'memory.swap.max 0',
      'cpu.max 25000 100000',
      'pids.max 64',
    ]);
    expect(told(1, limits)).toEqual([
      'memory.memsw.limit_in_bytes -1',
      'memory.limit_in_bytes 134217728',
      'memory.memsw.limit_in_bytes 134217728',
      'cpu.cfs_period_us 100000',
      'cpu.cfs_quota_us 25000',
      'pids.max 64',
    ]);
  });

  it('takes away limits that are gone', () => {
    expect(told(2, none)).toEqual([
      'memory.max max',
      'memory.swap.max max',
      'cpu.max max 100000',
      'pids.max max',
    ]);
    expect(told(1, none)).toContain('memory.limit_in_bytes -1');
  });

  it('needs what counts swap where there is some', () => {
    const header = 'Filename\tType\tSize\tUsed\tPriority\n';
    const lack = (files: readonly string[], devices = '') =>
      findLack(
        'memory',
        { version: 2, parent: '/up' },
        { has: (file) => files.includes(file), swaps: header + devices },
      );
    expect(lack(['memory.max'])).toBeUndefined();
    expect(lack(['memory.max'], '/dev/sda2 partition 1 0 -2\n')).toContain('the machine has swap');
    expect(lack(['memory.max', 'memory.swap.max'], '/dev/sda2 partition 1 0 -2\n')).toBeUndefined();
    expect(lack([])).toBe('/up does not hand on the controller "memory"');
  });
});
