import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { installProbe } from '../../src/base/probe.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Build, Driver, DriverContext, Machine } from '../../src/provisioner/driver.ts';
import { createProcessDriver } from '../../src/provisioner/drivers/process/driver.ts';
import { createPorts } from '../../src/provisioner/drivers/process/port.ts';
import { MARK } from '../../src/provisioner/drivers/process/processes.ts';
import { findMarked } from '../../src/provisioner/marked-process.ts';
import { sampleManifest } from '../support/manifest.ts';
import { buildPrograms, type Programs } from '../support/programs.ts';

const kit = createKit(silentLog);
let programs: Programs;
let scratch: string;
let workspaces: string;
let driver: Driver;

// Says its process id, and starts a child that would outlive it.
const SERVER = `
  require('node:child_process').spawn('sleep', ['600']);
  require('node:http').createServer((_, r) => r.end(String(process.pid)))
    .listen(Number(process.env.PORT), '127.0.0.1');`;

beforeAll(async () => {
  programs = await buildPrograms();
});
afterAll(() => programs.remove());

beforeEach(async () => {
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-process-driver-'));
  workspaces = path.join(scratch, 'workspaces');
  await mkdir(path.join(scratch, 'template'));
  await writeFile(path.join(scratch, 'template', 'server.cjs'), SERVER);
  driver = open();
  await machine().open();
});

afterEach(async () => {
  await machine().close();
  for (const id of await readdir(workspaces).catch(() => [])) await machine().remove(id);
  expect(living()).toBe(0);
  await rm(scratch, { recursive: true, force: true });
});

/** As a daemon's next life would have it. */
function open(): Driver {
  return createProcessDriver(
    {
      kit,
      ports: createPorts(kit.rng, path.join(scratch, 'ports')),
      programs,
      environment: process.env,
      url: 'http://127.0.0.1:1',
    },
    { folder: workspaces },
  );
}

function machine(): Machine {
  if (driver.machine === undefined) throw new Error('the process driver has a machine');
  return driver.machine;
}

const context = (signal = new AbortController().signal): DriverContext => ({
  log: () => undefined,
  signal,
  templateFolder: async () => {
    const copy = path.join(scratch, `copy-${createId(kit)}`);
    await cp(path.join(scratch, 'template'), copy, { recursive: true });
    return copy;
  },
  stateFile: () => Promise.reject(new Error('the process driver keeps no state')),
});

function build(id: string = createId(kit), settings: { readonly command?: string[] } = {}): Build {
  return {
    jobId: createId(kit),
    attempt: 1,
    template: {
      name: 't',
      version_id: createId(kit),
      file_hash: '',
      manifest: sampleManifest({
        driver: 'process',
        process: { command: ['node', 'server.cjs'], environment: {}, ...settings },
      }),
    },
    workspace: {
      id,
      name: 'w',
      organization: 'o',
      owner: { id: createId(kit), username: 'u', display_name: 'U' },
      epoch: 0,
      transition: 'start',
      stage: 'create',
      build_number: 1,
      parameters: { evil: '$(touch pwned)`touch pwned`' },
      agent_token: 'secret',
      access_url: 'http://127.0.0.1:1',
    },
  };
}

const until = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 15_000, interval: 20 });

const answer = async (url: string | undefined): Promise<number> =>
  Number(await (await fetch(url ?? '')).text());

const living = (): number =>
  [...findMarked(MARK, (folder) => folder.startsWith(workspaces)).values()].flat().length;

const stateOf = async (id: string): Promise<string | undefined> =>
  (await machine().inspect()).find((one) => one.id === id)?.state;

/** Kills one of the workspace's processes, the supervisor being the oldest. */
function killSupervisor(id: string): void {
  const found = [
    ...findMarked(MARK, (folder) => folder === path.join(workspaces, id)).values(),
  ].flat();
  const supervisor = found.sort((a, b) => Number(a.startMark) - Number(b.startMark))[0];
  if (supervisor !== undefined) process.kill(supervisor.pid, 'SIGKILL');
}

describe('a workspace of the process driver', () => {
  it('runs on a port of its own until it is deleted, and then nothing is left of it', async () => {
    const made = build();
    const { outputs } = await driver.start(made, context());
    await until(() => answer(outputs['url']));
    expect(await stateOf(made.workspace.id)).toBe('running');
    await driver.delete(made, context());
    await driver.delete(made, context());
    expect(living()).toBe(0);
    expect(await readdir(workspaces)).toEqual([]);
    expect(await readdir(path.join(scratch, 'ports'))).toEqual([]);
  });

  it('keeps its port and its files over stop and start', async () => {
    const made = build();
    const first = await driver.start(made, context());
    await until(() => answer(first.outputs['url']));
    await writeFile(path.join(workspaces, made.workspace.id, 'files', 'mine'), '');
    await driver.stop(made, context());
    expect(living()).toBe(0);
    expect(await stateOf(made.workspace.id)).toBe('stopped');
    expect(await driver.start(made, context())).toEqual(first);
    await until(() => answer(first.outputs['url']));
    expect(await readdir(path.join(workspaces, made.workspace.id, 'files'))).toContain('mine');
  });

  it('is restarted by its supervisor when its program ends', async () => {
    const made = build();
    const { url } = (await driver.start(made, context())).outputs;
    const first = await until(() => answer(url));
    process.kill(first, 'SIGKILL');
    await until(async () => expect(await answer(url)).not.toBe(first));
    expect(await stateOf(made.workspace.id)).toBe('running');
  });

  it('outlives the daemon, whose next life finds it as it was', async () => {
    const made = build();
    const { url } = (await driver.start(made, context())).outputs;
    const pid = await until(() => answer(url));
    await machine().close();
    driver = open();
    await machine().open();
    expect(await stateOf(made.workspace.id)).toBe('running');
    expect(await answer(url)).toBe(pid);
  });

  it('whose supervisor was killed is told gone, and comes back where it was when wanted', async () => {
    const made = build();
    const { url } = (await driver.start(made, context())).outputs;
    const pid = await until(() => answer(url));
    killSupervisor(made.workspace.id);
    await until(async () => expect(await stateOf(made.workspace.id)).toBe('gone'));
    await machine().restart(made.workspace.id);
    await until(async () => expect(await answer(url)).not.toBe(pid));
    expect(await stateOf(made.workspace.id)).toBe('running');
  });

  it('is the same one when it is started twice', async () => {
    const made = build();
    const first = await driver.start(made, context());
    expect(await driver.start(made, context())).toEqual(first);
    await until(() => answer(first.outputs['url']));
    expect(await readdir(workspaces)).toHaveLength(1);
  });

  it('takes parameters as values and never as code', async () => {
    const made = build();
    const { url } = (await driver.start(made, context())).outputs;
    await until(() => answer(url));
    expect(await readdir(path.join(workspaces, made.workspace.id, 'files'))).toEqual([
      'server.cjs',
    ]);
  });

  it('leaves nothing when its start is canceled', async () => {
    const cancel = new AbortController();
    cancel.abort(new Error('canceled'));
    await expect(driver.start(build(), context(cancel.signal))).rejects.toThrow('canceled');
    expect(await readdir(workspaces)).toEqual([]);
    expect(await readdir(path.join(scratch, 'ports')).catch(() => [])).toEqual([]);
  });

  it('that an attempt made is undone by its name, and only that one', async () => {
    const [one, two] = [build(), build()];
    await driver.start(one, context());
    await driver.start(two, context());
    await driver.undo({ jobId: one.jobId, attempt: 1 });
    expect(await readdir(workspaces)).toEqual([two.workspace.id]);
  });
});

describe('the supervisor', () => {
  const template = (text: string): Promise<void> =>
    writeFile(path.join(scratch, 'template', 'server.cjs'), text);
  const inWorkspace = ({ workspace }: Build, ...names: readonly string[]): string =>
    path.join(workspaces, workspace.id, ...names);

  it('goes on when it cannot write', async () => {
    const made = build();
    const { url } = await driver.start(made, context());
    const first = await until(() => answer(url));
    // What it writes to first is in the way, as a full disk would be.
    await mkdir(inWorkspace(made, 'children.json.new'));
    process.kill(first, 'SIGKILL');
    await until(async () => expect(await answer(url)).not.toBe(first));
    await rm(inWorkspace(made, 'output.log'));
    await mkdir(inWorkspace(made, 'output.log'));
    process.kill(await answer(url), 'SIGKILL');
    await until(() => expect(answer(url)).rejects.toThrow());
    await rm(inWorkspace(made, 'output.log'), { recursive: true });
    await until(() => answer(url));
    expect(await stateOf(made.workspace.id)).toBe('running');
  });

  it('tries a command again that cannot be run', async () => {
    const made = build(undefined, { command: ['./server.cjs/x'] });
    await driver.start(made, context());
    const children = async (): Promise<string> =>
      readFile(inWorkspace(made, 'children.json'), 'utf8').catch(() => '');
    await until(async () => expect(await children()).toContain('"restarts":2'));
    expect(await children()).toContain('ENOTDIR');
    expect(await stateOf(made.workspace.id)).toBe('running');
  });

  it('ends what ignores SIGTERM and what has left the group, and keeps a flood of output short', async () => {
    await template(`
      process.on('SIGTERM', () => undefined);
      const { spawn } = require('node:child_process');
      spawn('sh', ['-c', 'trap "" TERM; exec >&- 2>&-; setsid sleep 600 & sleep 600'], { detached: true });
      const line = Buffer.alloc(1_000_000, 'x');
      for (let n = 0; n < 30; n++) require('node:fs').writeSync(1, line);
      ${SERVER}`);
    const made = build();
    const { url } = await driver.start(made, context());
    await until(() => answer(url));
    await until(async () =>
      expect((await stat(inWorkspace(made, 'output.log'))).size).toBeLessThan(1_000_000),
    );
    expect((await stat(inWorkspace(made, 'output.log.old'))).size).toBe(5_000_000);
    expect(living()).toBeGreaterThan(4);
    await driver.stop(made, context());
    expect(living()).toBe(0);
  });
});

describe('what a crash left behind', () => {
  it.each([
    'process.start.recorded',
    'process.start.spawned',
    'process.remove.recorded',
    'process.remove.ended',
  ])('at %s is taken away at the next start, or was never lost', async (point) => {
    const made = build();
    // The daemon dies here: what it was doing is never gone on with.
    const reached = new Promise<void>((resolve) => {
      installProbe((at) => {
        if (at !== point) return undefined;
        resolve();
        return new Promise(() => undefined);
      });
    });
    const work = driver.start(made, context()).then(() => driver.delete(made, context()));
    work.catch(() => undefined); // it never ends
    await reached;
    installProbe(undefined);
    await machine().close();
    driver = open();
    await machine().open();
    expect(living()).toBe(0);
    expect(await readdir(workspaces)).toEqual([]);
  });

  it('is taken away at the next start: half-made folders, and processes without a folder', async () => {
    const made = build();
    await driver.start(made, context());
    await machine().close();
    // The folder is gone and its processes live; another one has no record yet.
    await rm(path.join(workspaces, made.workspace.id), { recursive: true });
    await mkdir(path.join(workspaces, createId(kit), 'files'), { recursive: true });
    driver = open();
    await machine().open();
    expect(living()).toBe(0);
    expect(await readdir(workspaces)).toEqual([]);
  });
});
