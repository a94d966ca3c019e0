// The control groups of workspaces whose programs do with them what their user may.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { identifyProcess } from '../../src/base/process-identity.ts';
import { NO_LIMITS } from '../../src/contract/manifest/schema.ts';
import { createGroups, type Groups } from '../../src/provisioner/drivers/process/cgroup/groups.ts';
import { readPlaces } from '../../src/provisioner/drivers/process/cgroup/places.ts';
import { endProcesses, removeGroup } from '../../src/provisioner/drivers/process/processes.ts';
import { asNobody } from '../support/as-nobody.ts';
import { hasCgroups } from '../support/cgroups.ts';
import { digDown } from '../support/dig-down.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

let folder: string;
let workspaceId: string;
let groups: Groups;

beforeEach(() => {
  const scratch = createId<string>(createKit(silentLog));
  workspaceId = createId<string>(createKit(silentLog));
  folder = path.join('/nowhere', scratch, workspaceId);
  groups = createGroups(readPlaces(), path.dirname(folder));
});

const end = async (): Promise<void> => {
  await endProcesses({ clock: systemClock, groups }, folder, null);
  await removeGroup({ clock: systemClock, groups }, folder);
};
const prepare = (): readonly string[] =>
  groups.prepare(workspaceId, { ...NO_LIMITS, processes: 64 }).map((file) => path.dirname(file));
const livingIn = (): readonly number[] =>
  groups.processesIn(workspaceId).filter((pid) => identifyProcess(pid) !== undefined);

describe.skipIf(!hasCgroups())('the control group of a workspace', () => {
  afterEach(end);

  it('is found and removed with what lives deeper below than a path can be long', async () => {
    const [top = ''] = prepare();
    digDown(top, 20, 'echo $$ > cgroup.procs; exec sleep 600');
    await until(() => expect(livingIn()).toHaveLength(1));
    const [pid = 0] = livingIn();
    await end();
    expect(identifyProcess(pid)).toBeUndefined();
    expect(groups.list()).toEqual([]);
  });

  it('is ended although its owner closed its files and folders', async () => {
    const tops = prepare();
    for (const top of tops) mkdirSync(path.join(top, 'below'));
    const [first = ''] = tops;
    digDown(path.join(first, 'below'), 0, 'echo $$ > cgroup.procs; exec sleep 600');
    await until(() => expect(livingIn()).toHaveLength(1));
    const [pid = 0] = livingIn();
    asNobody(ownedBy(tops), () => {
      for (const top of tops) {
        for (const name of ['below/cgroup.procs', 'pids.max', 'below']) close(path.join(top, name));
      }
      groups.forbidForks(workspaceId);
      expect(groups.processesIn(workspaceId)).toEqual([pid]);
    });
    expect(tops.flatMap((top) => readSafely(path.join(top, 'pids.max')) ?? [])).toEqual(['0']);
  });

  it('is closed to new processes before it is looked at, so that none can hide behind its children', async () => {
    const tops = prepare();
    await endProcesses({ clock: systemClock, groups }, folder, null);
    expect(tops.flatMap((top) => readSafely(path.join(top, 'pids.max')) ?? [])).toEqual(['0']);
  });

  it('lets nobody who is in it end themselves half way', async () => {
    const top = prepare().find((one) => existsSync(path.join(one, 'pids.max'))) ?? '';
    const own = path.join(top, 'cgroup.procs');
    const home = path.join(path.dirname(path.dirname(top)), 'cgroup.procs');
    digDown(top, 0, 'echo $$ > cgroup.procs; exec sleep 600');
    await until(() => expect(livingIn()).toHaveLength(1));
    const [pid = 0] = livingIn();
    writeFileSync(own, String(process.pid));
    try {
      await endProcesses({ clock: systemClock, groups }, folder, null);
      expect(identifyProcess(pid)).toBeUndefined();
      expect(livingIn()).toEqual([process.pid]);
    } finally {
      writeFileSync(home, String(process.pid));
    }
  });
});

describe('groups of version 2', () => {
  it('lack only the controllers that are refused, and say why', async () => {
    await using scratch = await makeTemporaryFolder();
    const parent = scratch.path;
    writeFileSync(path.join(parent, 'cgroup.controllers'), 'memory\n');
    mkdirSync(path.join(parent, 'cgroup.subtree_control')); // nothing can be written to it
    const place = { version: 2, parent } as const;
    const asked = createGroups(
      new Map([
        ['memory', place],
        ['pids', place],
      ]),
      folder,
    );
    expect(() => asked.check({ ...NO_LIMITS, memory_bytes: 2 ** 27 })).toThrow(
      `${parent} does not hand on the controller "memory" (EISDIR)`,
    );
    expect(() => asked.check({ ...NO_LIMITS, processes: 64 })).toThrow(
      `${parent} does not hand on the controller "pids". `,
    );
  });
});

function close(file: string): void {
  try {
    chmodSync(file, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // of another controller
  }
}

function readSafely(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** With what they are made of. */
function ownedBy(tops: readonly string[]): readonly string[] {
  const names = ['.', 'pids.max', 'below', 'below/cgroup.procs'];
  return tops.flatMap((top) => names.map((name) => path.join(top, name)));
}
