// What keeps a workspace of the process driver within its limits, and finds all of its processes: its
// control group.
import { readFileSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  identifyProcess,
  isSameProcess,
  type ProcessIdentity,
} from '../../src/base/process-identity.ts';
import {
  NO_LIMITS,
  type Manifest,
  type ProcessLimits,
  type ProcessSettings,
} from '../../src/contract/manifest/schema.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { endAllWorkspaces } from '../../src/provisioner/drivers/process/end-all.ts';
import { hasCgroups } from '../support/cgroups.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const MIB = 1024 ** 2;
/** Away from its group, its parent and its mark. */
const ESCAPE = `env -i /usr/bin/setsid -f /bin/sleep 600`;

const world = useProcessWorld();
const { context, inWorkspace } = world;

function build(
  script: string,
  limits: Partial<ProcessLimits> = {},
  { sandbox = 'none', ...more }: Partial<Manifest & Pick<ProcessSettings, 'sandbox'>> = {},
) {
  const process = {
    ...{ command: ['sh', '-c', script], environment: {}, limits: { ...NO_LIMITS, ...limits } },
    sandbox,
  };
  return world.build({ process, ...more });
}

const membersOf = ({ workspace }: Build): readonly number[] =>
  world.home.groups.processesIn(workspace.id).filter((pid) => identifyProcess(pid) !== undefined);
const endDeps = () => ({ clock: world.home.kit.clock, groups: world.home.groups });
const restartsOf = async (made: Build): Promise<number> => {
  const text = await readFile(inWorkspace(made, 'children.json'), 'utf8');
  return (JSON.parse(text) as { restarts: number }[])[0]?.restarts ?? 0;
};
const supervisorOf = async (made: Build): Promise<ProcessIdentity> => {
  const text = await readFile(inWorkspace(made, 'record.json'), 'utf8');
  return (JSON.parse(text) as { supervisor: ProcessIdentity }).supervisor;
};
const groupFile = (made: Build, name: string): string => {
  for (const joins of world.home.groups.joinFiles(made.workspace.id)) {
    const text = readSafely(path.join(path.dirname(joins), name));
    if (text !== undefined) return text;
  }
  throw new Error(`no control group has the file ${name}`);
};

function readSafely(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // of another controller
  }
}

describe.skipIf(!hasCgroups())('with control groups', () => {
  beforeEach(() => world.open());

  it('kills what takes more memory than allowed, and starts the command again', async () => {
    const hog = `echo started >> starts; exec node -e 'const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'`;
    const made = build(hog, { memory_bytes: 128 * MIB });
    await world.start(made);
    await until(async () => expect(await restartsOf(made)).toBeGreaterThan(1));
    expect(world.home.groups.countMemoryKills(made.workspace.id)).toBeGreaterThan(1);
    const starts = await readFile(inWorkspace(made, 'files', 'starts'), 'utf8');
    expect(starts.split('\n').length).toBeGreaterThan(2);
  });

  it.skipIf(!hasTool('bwrap'))('kills no supervisor for files that are in memory', async () => {
    const made = build(
      'dd if=/dev/zero of=/tmp/full bs=1M',
      { memory_bytes: 96 * MIB },
      { sandbox: 'bubblewrap' },
    );
    await world.start(made);
    const supervisor = await supervisorOf(made);
    await until(async () => expect(await restartsOf(made)).toBeGreaterThan(1));
    expect(world.home.groups.countMemoryKills(made.workspace.id)).toBeGreaterThan(1);
    expect(await supervisorOf(made)).toEqual(supervisor);
    expect(isSameProcess(supervisor)).toBe(true);
  });

  it('holds a fork bomb, and ends it', async () => {
    const bomb = `b() { b | b & }; echo > started; b; exec sleep 600`;
    const made = build(bomb, { processes: 64 });
    await world.start(made);
    await until(() => {
      const [, refused] = /^max (\d+)$/m.exec(groupFile(made, 'pids.events')) ?? [];
      expect(Number(refused)).toBeGreaterThan(0);
    });
    expect(Number(groupFile(made, 'pids.current'))).toBeLessThanOrEqual(64);
    await world.stop(made);
    expect(membersOf(made)).toEqual([]);
    expect(world.home.living()).toEqual([]);
  });

  it('throttles what wants more of the processors than allowed', async () => {
    const made = build('while :; do :; done', { cpus: 0.1 });
    await world.start(made);
    await until(() => {
      const [, throttled] = /^nr_throttled (\d+)$/m.exec(groupFile(made, 'cpu.stat')) ?? [];
      expect(Number(throttled)).toBeGreaterThan(5);
    });
  });

  it('keeps group and limits over lives of the daemon, and a start with others', async () => {
    const made = build('exec sleep 600', { processes: 64, cpus: 0.5 });
    await world.start(made);
    await until(() => expect(membersOf(made)).toHaveLength(2));
    const members = membersOf(made);
    await world.nextLife();
    expect(membersOf(made)).toEqual(members);
    expect(groupFile(made, 'pids.max').trim()).toBe('64');
    await world.stop(made);
    await world.start({ ...build('exec sleep 600'), workspace: made.workspace });
    expect(groupFile(made, 'pids.max').trim()).toBe('max');
  });

  it.each([
    ['a delete', 0, (made: Build) => world.driver.delete(made, context)],
    ['a stop', 1, (made: Build) => world.stop(made)],
    ['the end of all', 0, () => endAllWorkspaces(endDeps(), world.home.workspaces)],
  ])(
    'ends by %s also what has cleared its environment and left',
    async (_what, groupsLeft, end) => {
      const made = build(`${ESCAPE}; echo > escaped; exec sleep 600`);
      await world.start(made);
      await until(() => stat(inWorkspace(made, 'files', 'escaped')));
      await until(() => expect(membersOf(made).length).toBeGreaterThan(2));
      await end(made);
      expect(membersOf(made)).toEqual([]);
      expect(world.home.groups.list()).toHaveLength(groupsLeft);
    },
  );

  it('fails a start that cannot join its group', async () => {
    const broken = { ...world.home.groups, prepare: () => ['/proc/no-group-here/cgroup.procs'] };
    world.driver = world.home.openWith(broken);
    const made = build('exec sleep 600');
    await expect(world.start(made)).rejects.toThrow('the supervisor ended at once');
    expect(await readdir(world.home.workspaces)).toEqual([]);
  });

  it('ends at its start what no workspace owns any more', async () => {
    const made = build(`${ESCAPE}; exec sleep 600`);
    await world.start(made);
    await until(() => expect(membersOf(made)).toHaveLength(3));
    await world.nextLife(() =>
      rm(inWorkspace(made), { recursive: true, force: true, maxRetries: 5 }),
    );
    expect(world.home.groups.list()).toEqual([]);
  });

  it('has the ready check within the limits as well', async () => {
    const tell = (file: string) => `cat /proc/self/cgroup /proc/self/oom_score_adj > ${file}`;
    const check = ['sh', '-c', `${tell('check')}; exit 0`];
    const ready = {
      ...{ http: null, tcp: null, command: check, interval_seconds: 0.1, timeout_seconds: 600 },
    };
    const limits = { memory_bytes: 256 * MIB };
    const made = build(`${tell('own')}; exec sleep 600`, limits, { ready });
    await world.start(made);
    await until(async () => {
      const [own, checks] = await Promise.all(
        ['own', 'check'].map((name) => readFile(inWorkspace(made, 'files', name), 'utf8')),
      );
      expect(own).toContain(made.workspace.id);
      expect(own).toMatch(/\n900\n$/);
      expect(checks).toBe(own);
    });
  });
});

describe('without control groups', () => {
  it('refuses limits, at the push and at a start, and nothing else', async () => {
    const parent = '/proc/no-groups-here';
    await world.open({ places: new Map([['memory', { version: 1, parent }]]) });
    const limited = build('exec sleep 600', { memory_bytes: 128 * MIB });
    const refusal = `LIMITS_UNAVAILABLE: limits.memory cannot be kept on this machine: no control group can be made in ${parent} (ENOENT). Run the daemon as root`;
    await expect(world.driver.check(limited.template, context)).rejects.toThrow(refusal);
    await expect(world.start(limited)).rejects.toThrow(refusal);
    const counted = build('exec sleep 600', { processes: 64 });
    await expect(world.driver.check(counted.template, context)).rejects.toThrow(
      'limits.processes cannot be kept on this machine: it has no control groups with the controller "pids"',
    );
    expect(await readdir(world.home.workspaces)).toEqual([]);
    expect(world.driver.tool).toMatch(/^no limits; /);
    await world.start(build('exec sleep 600'));
    expect(world.home.living().length).toBeGreaterThan(0);
  });
});
