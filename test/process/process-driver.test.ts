// What the process driver does beyond what every driver has to (test/conformance): supervision, ports,
// records, ready checks, and what it finds after a crash.
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createId } from '../../src/base/id.ts';
import { installFailpoints } from '../../src/base/failpoint.ts';
import { removeTree } from '../../src/base/remove-tree.ts';
import { NO_LIMITS, type Manifest, type ReadyCheck } from '../../src/contract/manifest/schema.ts';
import type {
  Build,
  Driver,
  DriverContext,
  Machine,
  Outputs,
} from '../../src/provisioner/driver.ts';
import { isPortFree } from '../../src/provisioner/drivers/process/port.ts';
import { createRedactor } from '../../src/provisioner/tool/redact.ts';
import { sampleWorkspace } from '../support/acquired-job.ts';
import {
  createProcessHome,
  processManifest,
  SERVER,
  type ProcessHome,
} from '../support/process-home.ts';
import { buildPrograms, type Programs } from '../support/programs.ts';
import { until } from '../support/until.ts';

let programs: Programs;
let home: ProcessHome;
let driver: Driver;

beforeAll(async () => {
  programs = await buildPrograms();
});
afterAll(() => programs.remove());

beforeEach(async () => {
  // What is tried again after minutes is tried again soon.
  const sleep: typeof systemClock.sleep = (ms, signal) =>
    systemClock.sleep(ms >= 60_000 ? 20 : ms, signal);
  home = await createProcessHome(programs, { clock: { ...systemClock, sleep } });
  driver = home.open();
  await machine().open();
});

afterEach(async () => {
  installFailpoints(undefined);
  await machine().close();
  for (const id of await readdir(home.workspaces).catch(() => [])) await machine().remove(id);
  expect(home.living()).toEqual([]);
  await home.remove();
});

/** Ends the daemon's life, lets something happen, and begins the next one. */
async function nextLife(meanwhile: () => void | Promise<void> = () => undefined): Promise<void> {
  await machine().close();
  await meanwhile();
  driver = home.open();
  await machine().open();
}

function machine(): Machine {
  if (driver.machine === undefined) throw new Error('the process driver has a machine');
  return driver.machine;
}

const context: DriverContext = {
  redactor: createRedactor(),
  log: () => undefined,
  tellReplaced: () => undefined,
  signal: new AbortController().signal,
  templateFolder: () => home.templateFolder(),
  stateFile: () => Promise.reject(new Error('the process driver keeps no state')),
  folder: '',
};

const build = (manifest: Partial<Manifest> = {}): Build => ({
  jobId: createId(home.kit),
  attempt: 1,
  template: {
    name: 't',
    version_id: createId(home.kit),
    file_hash: '',
    manifest: processManifest(manifest),
  },
  workspace: sampleWorkspace({ parameters: { evil: '$(touch pwned)`touch pwned`' } }),
});

const start = async (made: Build): Promise<Outputs> => (await driver.start(made, context)).outputs;
const stop = (made: Build): Promise<void> => driver.stop(made, context);
const inWorkspace = ({ workspace }: Build, ...names: readonly string[]): string =>
  path.join(home.workspaces, workspace.id, ...names);

const answer = async (url: string | undefined): Promise<number> =>
  Number(await (await fetch(url ?? '')).text());

const reportOf = async ({ workspace }: Build) =>
  (await machine().inspect()).find(({ id }) => id === workspace.id);
const stateOf = async (made: Build): Promise<string | undefined> => (await reportOf(made))?.state;

/** The oldest of its processes. */
function killSupervisor({ workspace }: Build): void {
  const [supervisor] = home.living(workspace.id);
  if (supervisor !== undefined) process.kill(supervisor, 'SIGKILL');
}

describe('a workspace of the process driver', () => {
  it('keeps its files over stop and start', async () => {
    const made = build();
    await start(made);
    await writeFile(inWorkspace(made, 'files', 'mine'), '');
    await stop(made);
    await start(made);
    expect(await readdir(inWorkspace(made, 'files'))).toContain('mine');
  });

  it('has the files of a newer version after its start with that, and keeps its own', async () => {
    const made = build();
    await start(made);
    await writeFile(inWorkspace(made, 'files', 'mine'), 'mine');
    // What its owner has put in the place of the template's files leads nowhere.
    const outside = path.join(home.scratch, 'outside');
    await writeFile(outside, 'outside');
    await rm(inWorkspace(made, 'files', 'server.cjs'));
    await symlink(outside, inWorkspace(made, 'files', 'server.cjs'));
    await stop(made);
    await home.writeServer(SERVER.replace('String(process.pid)', `'-' + process.pid`));

    const same = { ...made, jobId: createId<string>(home.kit) };
    await expect(start(same).then(({ url }) => answer(url))).rejects.toThrow();
    await stop(same);
    const { template } = made;
    const newer = { ...template, version_id: createId<string>(home.kit) };
    const updated = { ...made, jobId: createId<string>(home.kit), template: newer };
    const { url } = await start(updated);
    await until(async () => expect(await answer(url)).toBeLessThan(0));
    expect(await readFile(inWorkspace(made, 'files', 'mine'), 'utf8')).toBe('mine');
    expect(await readFile(outside, 'utf8')).toBe('outside');

    // Neither through the folder itself.
    await stop(updated);
    await rename(inWorkspace(made, 'files'), path.join(home.scratch, 'elsewhere'));
    await symlink(path.join(home.scratch, 'elsewhere'), inWorkspace(made, 'files'));
    const newest = { ...template, version_id: createId<string>(home.kit) };
    await expect(
      start({ ...updated, jobId: createId<string>(home.kit), template: newest }),
    ).rejects.toThrow('is no folder');
    expect(await readdir(path.join(home.scratch, 'elsewhere'))).toContain('mine');
  });

  it.each([
    [['node', 'server.cjs'], undefined],
    [[process.execPath], undefined],
    [['./run.sh'], undefined],
    [['no-such-program'], 'the command "no-such-program" is not in the PATH here'],
    [['./no-such-file'], 'the command "./no-such-file" is not an executable file of the template'],
    [['./server.cjs'], 'the command "./server.cjs" is not an executable file of the template'],
    [['.'], 'the command "." is not in the PATH here'],
  ])('is only promised where its command can be run: %j', async (command, refusal) => {
    const folder = await home.templateFolder();
    const script = path.join(folder, 'run.sh');
    await writeFile(script, '#!/bin/sh\n', { mode: 0o755 });
    const { template } = build();
    const process = { command, environment: {}, limits: NO_LIMITS, sandbox: 'none' as const };
    const checked = driver.check(
      { ...template, manifest: { ...template.manifest, process } },
      { ...context, templateFolder: () => Promise.resolve(folder) },
    );
    if (refusal === undefined) await checked;
    else await expect(checked).rejects.toThrow(`TEMPLATE_REFUSED: ${refusal}`);
  });

  it('goes on as the same process when the daemon ends and comes back', async () => {
    const made = build();
    const { url } = await start(made);
    const pid = await until(() => answer(url));
    await nextLife();
    expect(await stateOf(made)).toBe('running');
    expect(await answer(url)).toBe(pid);
  });

  it('whose supervisor was killed is told gone, and comes back where it was when wanted', async () => {
    const made = build();
    const { url } = await start(made);
    const pid = await until(() => answer(url));
    killSupervisor(made);
    await until(async () => expect(await stateOf(made)).toBe('gone'));
    await machine().restart(made.workspace.id);
    await until(async () => expect(await answer(url)).not.toBe(pid));
    expect(await stateOf(made)).toBe('running');
  });

  it('whose folder was put back from a copy is ended where it was, and told gone', async () => {
    const made = build();
    await start(made);
    const before = home.living();
    await nextLife(async () => {
      const folder = inWorkspace(made);
      await rename(folder, path.join(home.scratch, 'since'));
      await cp(path.join(home.scratch, 'since'), folder, { recursive: true });
    });
    expect(home.living().filter((pid) => before.includes(pid))).toEqual([]);
    expect(await stateOf(made)).toBe('gone');
    await machine().restart(made.workspace.id);
    expect(await stateOf(made)).toBe('running');
  });

  it('takes parameters as values and never as code', async () => {
    const made = build();
    const { url } = await start(made);
    await until(() => answer(url));
    expect(await readdir(inWorkspace(made, 'files'))).toEqual(['server.cjs']);
  });

  it('shows no secret in environments and command lines', async () => {
    const made = build();
    await start(made);
    const shown = (pid: number): Promise<string> =>
      Promise.all(
        ['environ', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
      ).then((texts) => texts.join());
    await until(() => expect(home.living().length).toBeGreaterThan(1));
    for (const pid of home.living()) {
      expect(await shown(pid)).not.toContain(made.workspace.agent_token);
    }
  });

  it('whose folder somebody removed is ended by its delete all the same', async () => {
    const made = build();
    await start(made);
    await removeTree(inWorkspace(made)); // its processes live, and may just be writing
    await driver.delete(made, context);
    expect(home.living()).toEqual([]);
  });
});

describe('the supervisor', () => {
  it('starts a program again that ends', async () => {
    const made = build();
    const { url } = await start(made);
    const first = await until(() => answer(url));
    process.kill(first, 'SIGKILL');
    await until(async () => expect(await answer(url)).not.toBe(first));
    expect(await stateOf(made)).toBe('running');
  });

  it('goes on when it cannot write', async () => {
    const made = build();
    const { url } = await start(made);
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
    expect(await stateOf(made)).toBe('running');
  });

  it('tries a command again that cannot be run, and its workspace counts as gone', async () => {
    const steady = build();
    await start(steady);
    const process = {
      command: ['./server.cjs/x'],
      environment: {},
      limits: NO_LIMITS,
      sandbox: 'none' as const,
    };
    const made = build({ process });
    await start(made);
    const children = async (): Promise<string> =>
      readFile(inWorkspace(made, 'children.json'), 'utf8').catch(() => '');
    await until(async () => expect(await children()).toContain('"restarts":2'));
    expect(await children()).toContain('ENOTDIR');
    await until(async () => expect(await stateOf(made)).toBe('gone'));
    expect(await stateOf(steady)).toBe('running');
  });

  it('ends what ignores SIGTERM and what has left the group, and keeps floods of output short', async () => {
    await home.writeServer(`
      process.on('SIGTERM', () => undefined);
      const { spawn } = require('node:child_process');
      spawn('sh', ['-c', 'trap "" TERM; exec >&- 2>&-; setsid sleep 600 & sleep 600'], { detached: true });
      const line = Buffer.alloc(1_000_000, 'x');
      for (let n = 0; n < 30; n++) require('node:fs').writeSync(1, line);
      ${SERVER}`);
    const made = build();
    const { url } = await start(made);
    await until(() => answer(url));
    await until(async () =>
      expect((await stat(inWorkspace(made, 'output.log'))).size).toBeLessThan(1_000_000),
    );
    const kept = await stat(inWorkspace(made, 'output.log.old'));
    expect(kept.size).toBe(5_000_000);
    expect(home.living().length).toBeGreaterThan(4);
    await stop(made);
    expect(home.living()).toEqual([]);

    // The next one floods what is there, and it stays as short.
    await start(made);
    await until(async () => {
      const now = await stat(inWorkspace(made, 'output.log.old'));
      expect(now).toMatchObject({ size: 5_000_000 });
      expect(now.mtimeMs).toBeGreaterThan(kept.mtimeMs);
      expect((await stat(inWorkspace(made, 'output.log'))).size).toBeLessThan(1_000_000);
    });
  });
});

describe('the port of a workspace', () => {
  const reserved = (): Promise<readonly string[]> => readdir(home.ports);

  it('is its own after a reboot, which ends processes and empties temporary folders', async () => {
    const made = build();
    const { port, url } = await start(made);
    await until(() => answer(url));
    await nextLife(async () => {
      for (const pid of home.living()) process.kill(pid, 'SIGKILL');
      // A killed process still has its port for a moment, and no machine boots so soon.
      await until(async () => expect(await isPortFree(Number(port))).toBe(true));
      await rm(home.ports, { recursive: true });
      const record = await readFile(inWorkspace(made, 'record.json'), 'utf8');
      const bootId = createId(home.kit);
      await writeFile(
        inWorkspace(made, 'record.json'),
        record.replace(/"bootId":"[^"]*"/, `"bootId":"${bootId}"`),
      );
    });
    expect(await stateOf(made)).toBe('gone');
    expect(await reserved()).toEqual([port]);
    await machine().restart(made.workspace.id);
    await until(() => answer(url));
  });

  it('that a stranger uses is told, and not mistaken for the workspace', async () => {
    const made = build({
      ready: { http: '/', tcp: null, command: null, interval_seconds: 0.1, timeout_seconds: 5 },
    });
    const { port, url } = await start(made);
    await until(() => answer(url));
    await stop(made);
    const stranger = createServer((_, response) => response.end());
    await new Promise<void>((resolve) => stranger.listen(Number(port), '127.0.0.1', resolve));
    await expect(start(made)).rejects.toThrow(`port ${port}`);
    expect(await reportOf(made)).toMatchObject({ state: 'stopped', ready: false });
    stranger.closeAllConnections();
    await new Promise((resolve) => stranger.close(resolve));
    expect(await start(made)).toMatchObject({ port });
  });

  it('is reserved in no folder that others can write to', async () => {
    await mkdir(home.ports, { mode: 0o777 });
    await chmod(home.ports, 0o777);
    await expect(start(build())).rejects.toThrow(home.ports);
    expect(await readdir(home.workspaces)).toEqual([]);
  });

  it('is never that of another workspace, however many start at once', async () => {
    const outputs = await Promise.all(Array.from({ length: 12 }, () => start(build())));
    expect(new Set(outputs.map(({ port }) => port)).size).toBe(12);
    expect(await reserved()).toHaveLength(12);
  });
});

describe('a ready check', () => {
  const check = (of: Partial<ReadyCheck>): Partial<Manifest> => ({
    ready: {
      ...{ http: null, tcp: null, command: null, interval_seconds: 0.1, timeout_seconds: 600 },
      ...of,
    },
  });
  const becomesReady = (made: Build): Promise<void> =>
    until(async () => expect(await reportOf(made)).toMatchObject({ ready: true }));

  it('that hangs delays no other', async () => {
    const hanging = build(check({ http: '/hang' }));
    await home.writeServer(`
      require('node:http').createServer((q, r) => {
        if (q.url === '/hang') require('node:fs').writeFileSync('asked', '');
        else r.end();
      }).listen(Number(process.env.PORT), '127.0.0.1');`);
    await start(hanging);
    await until(() => stat(inWorkspace(hanging, 'files', 'asked')));
    const made = build(check({ http: '/' }));
    await start(made);
    await becomesReady(made);
    expect(await reportOf(hanging)).toMatchObject({ ready: false });
  });

  it('takes a redirection for an answer', async () => {
    await home.writeServer(`
      require('node:http').createServer((_, r) => r.writeHead(302, { location: '/x' }).end())
        .listen(Number(process.env.PORT), '127.0.0.1');`);
    const made = build(check({ http: '/' }));
    await start(made);
    await becomesReady(made);
  });

  it('of a port is ready when that is listened to', async () => {
    const made = build(check({ tcp: null }));
    await start(made);
    await becomesReady(made);
  });

  it('by a command runs as the workspace does, and leaves none of its processes', async () => {
    const command = `echo x >> rounds; [ "$HOME" = "$PWD" ] && [ -n "$STANDBY_PARAMETER_EVIL" ] || exit
      [ -e go ] || { sleep 600 & sleep 600; }`;
    const made = build(check({ command: ['sh', '-c', command], timeout_seconds: 0.2 }));
    const { url } = await start(made);
    await until(() => answer(url));
    const rounds = async (): Promise<string> =>
      readFile(inWorkspace(made, 'files', 'rounds'), 'utf8');
    await until(async () => expect((await rounds()).length).toBeGreaterThan(8));
    expect(home.living().length).toBeLessThan(7);
    await writeFile(inWorkspace(made, 'files', 'go'), '');
    await becomesReady(made);
  });
});

describe('a record that cannot be read', () => {
  it('is nobody’s end: neither its own workspace’s nor that of others’ reports', async () => {
    const [made, other] = [build(), build()];
    const { url } = await start(made);
    await start(other);
    const pid = await until(() => answer(url));
    await writeFile(inWorkspace(made, 'record.json'), '{"of":"another version"}');
    await nextLife();
    expect(await answer(url)).toBe(pid);
    expect(await stateOf(made)).toBe('gone');
    expect(await stateOf(other)).toBe('running');
    await expect(machine().restart(made.workspace.id)).rejects.toThrow('record.json');
    await expect(start(made)).rejects.toThrow('record.json');
    expect(await answer(url)).toBe(pid);
    await driver.delete(made, context);
    expect(await readdir(home.workspaces)).toEqual([other.workspace.id]);
  });
});

describe('what a crash left behind', () => {
  it('is taken away at the next start: half-made folders, and processes without a folder', async () => {
    const made = build();
    await start(made);
    await nextLife(async () => {
      // The folder is gone and its processes live; another one has no record yet.
      await removeTree(inWorkspace(made)); // its processes live, and may just be writing
      await mkdir(path.join(home.workspaces, createId(home.kit), 'files'), { recursive: true });
    });
    expect(home.living()).toEqual([]);
    expect(await readdir(home.workspaces)).toEqual([]);
  });

  it('and cannot be removed holds nothing up, and is tried again', async () => {
    const made = build();
    await start(made);
    await nextLife(async () => {
      await mkdir(path.join(home.workspaces, createId(home.kit)));
      installFailpoints((at) => {
        if (at === 'process.remove.ended') throw new Error('the disk is broken');
      });
    });
    expect(await stateOf(made)).toBe('running');
    expect(await readdir(home.workspaces)).toHaveLength(2);
    installFailpoints(undefined);
    await until(async () => expect(await readdir(home.workspaces)).toEqual([made.workspace.id]));
  });

  it('of a start that failed and could not be undone is tried again', async () => {
    installFailpoints((at) => {
      if (at.startsWith('process.')) throw new Error('the disk is broken');
    });
    await expect(start(build())).rejects.toThrow('the disk is broken');
    installFailpoints(undefined);
    await until(async () => expect(await readdir(home.workspaces)).toEqual([]));
  });
});
