// What the sandbox of the process driver keeps from a template, and what it leaves it. The template is an
// enemy's: it tries, and writes down what came of it.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { toolsField } from '../../src/contract/field.ts';
import { NO_LIMITS, type Manifest } from '../../src/contract/manifest/schema.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { sampleWorkspace } from '../support/acquired-job.ts';
import { createFakeAgentServer } from '../support/fake-agent-server.ts';
import { processManifest, type HomeOptions } from '../support/process-home.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

/** Tries each of `ATTEMPTS`, lines of JavaScript, and then serves until it is asked to end. */
const ENEMY = `
  const fs = require('node:fs');
  const { execFileSync } = require('node:child_process');
  const findings = {};
  for (const attempt of JSON.parse(process.env.ATTEMPTS)) {
    try { findings[attempt] = String(eval(attempt)); }
    catch (error) { findings[attempt] = error.code ?? 'failed'; }
  }
  fs.writeFileSync('findings.json', JSON.stringify(findings));
  process.on('SIGTERM', () => setTimeout(() => { fs.writeFileSync('bye', ''); process.exit(); }, 50));
  require('node:http').createServer((_, r) => r.end('served'))
    .listen(Number(process.env.PORT), '127.0.0.1');`;

const world = useProcessWorld();
const { context, inWorkspace } = world;

async function open(options?: HomeOptions): Promise<void> {
  await world.open(options);
  await world.home.writeServer(ENEMY);
}

function build(attempts: readonly string[] = [], more: Partial<Manifest> = {}): Build {
  const process = {
    command: ['node', 'server.cjs'],
    environment: { ATTEMPTS: JSON.stringify(attempts), LD_PRELOAD: '', SHOWN: 'with = and "' },
    limits: NO_LIMITS,
    sandbox: 'bubblewrap' as const,
  };
  return world.build({ process, ...more });
}

async function findingsOf(made: Build): Promise<Readonly<Record<string, string>>> {
  const file = inWorkspace(made, 'files', 'findings.json');
  return until(async () => JSON.parse(await readFile(file, 'utf8')) as Record<string, string>);
}

const quoted = (text: string): string => JSON.stringify(text);

describe.skipIf(!hasTool('bwrap'))('in the sandbox', () => {
  it('reads nothing of the daemon, of other workspaces, and of the machine', async () => {
    await open();
    expect(world.driver.tool).toMatch(/; bubblewrap$/);
    // Or the daemon could not register.
    expect(toolsField.safeParse({ process: world.driver.tool })).toMatchObject({ success: true });
    await writeFile(path.join(world.home.scratch, 'provisioner-key'), 'key');
    const other = build();
    await world.start(other);
    await findingsOf(other);
    const made = build();
    const files = [
      path.join(world.home.scratch, 'provisioner-key'),
      inWorkspace(other, 'files', 'server.cjs'),
      ...['record.json', 'plan.json', 'agent-token', 'output.log'].map((name) =>
        inWorkspace(made, name),
      ),
      `/proc/${process.pid}/environ`,
      ...['/etc/shadow', '/root', '/var/lib', '/sys/kernel', '/run/docker.sock'],
    ];
    const attempts = files.map((file) => `fs.statSync(${quoted(file)})`);
    const seen = await findingsIn(made, attempts);
    expect(seen).toEqual(Object.fromEntries(attempts.map((attempt) => [attempt, 'ENOENT'])));
  });

  it('writes to nothing but its own', async () => {
    await open();
    const made = build();
    const folders = [
      '/',
      '/usr',
      '/etc',
      '/proc/sys/kernel',
      world.home.scratch,
      world.home.workspaces,
    ];
    const attempts = [...folders, inWorkspace(made)].map(
      (folder) => `fs.writeFileSync(${quoted(`${folder}/enemy`)}, "")`,
    );
    // A setting of the kernel's, with the value that it has.
    const setting = '/proc/sys/kernel/core_pattern';
    attempts.push(`fs.writeFileSync(${quoted(setting)}, fs.readFileSync(${quoted(setting)}))`);
    const seen = await findingsIn(made, attempts);
    for (const attempt of attempts) expect(seen[attempt], attempt).toMatch(/^(EROFS|ENOENT)$/);
  });

  it('sees and signals no other processes, and gains no rights', async () => {
    await open();
    const made = build();
    const pids = 'fs.readdirSync("/proc").filter((name) => Number(name) > 0).length < 4';
    const kill = `process.kill(${process.pid}, 0)`;
    const status = (line: string): string =>
      `/^${line}:\\s*(.*)$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]`;
    const unshare = 'execFileSync("unshare", ["--user", "true"])';
    const seen = await findingsIn(made, [
      ...[pids, kill, unshare, status('NoNewPrivs'), status('CapEff'), status('CapBnd')],
    ]);
    expect(seen).toEqual({
      [pids]: 'true',
      [kill]: 'ESRCH',
      [unshare]: 'failed',
      [status('NoNewPrivs')]: '1',
      [status('CapEff')]: '0'.repeat(16),
      [status('CapBnd')]: '0'.repeat(16),
    });
  });

  it.skipIf(!hasTool('perl'))('has nothing of the daemon’s keyrings', async () => {
    await open();
    const calls = process.arch === 'x64' ? [248, 249, 250] : [217, 218, 219];
    const attempts = calls.map(
      (call) => `execFileSync("perl", ["-e", 'syscall(${call}, 0, 0, 0, 0, 0); print $! + 0'])`,
    );
    const read = ['/proc/keys', '/proc/key-users'].map((file) => `fs.readFileSync("${file}")`);
    const seen = await findingsIn(build(), [...attempts, ...read]);
    expect(seen).toEqual({
      ...Object.fromEntries(
        attempts.map((attempt) => [attempt, String(os.constants.errno.ENOSYS)]),
      ),
      ...Object.fromEntries(read.map((attempt) => [attempt, 'EACCES'])),
    });
  });

  it('does its own work: files, programs, its port, its environment', async () => {
    await open();
    const made = build();
    const write = (folder: string): string => `fs.writeFileSync(${folder} + "/mine", "")`;
    const seen = await findingsIn(made, [
      ...['process.env.HOME', 'process.env.TMPDIR', '"/tmp"', '"/dev/shm"'].map(write),
      ...['process.cwd()', 'process.env.SHOWN', 'execFileSync("sh", ["-c", "echo $((1 + 1))"])'],
      'fs.readFileSync("/etc/passwd").length > 0',
    ]);
    expect(Object.values(seen)).toEqual([
      ...Array.from({ length: 4 }, () => 'undefined'),
      ...[inWorkspace(made, 'files'), 'with = and "', '2\n', 'true'],
    ]);
    await until(async () => expect(await (await fetch(await urlOf(made))).text()).toBe('served'));
    expect(await readdir(inWorkspace(made, 'tmp'))).toEqual(['mine']);
  });

  it('fills no more of the memory than it may with files', async () => {
    await open();
    const folders = ['/tmp', '/var/tmp', '/run', '/dev/shm'];
    const bytes = folders.map(
      (folder) => `(({ blocks, bsize }) => blocks * bsize)(fs.statfsSync(${quoted(folder)}))`,
    );
    const write = 'fs.writeFileSync("/dev/full-of-it", "")';
    const seen = await findingsIn(build(), [...bytes, write]);
    expect(seen).toEqual({
      ...Object.fromEntries(bytes.map((attempt) => [attempt, String(256 * 1024 ** 2)])),
      [write]: 'EROFS',
    });
  });

  it('gives bubblewrap itself nothing of the template, before it is inside', async () => {
    await open();
    const made = build();
    await world.start(made);
    await findingsOf(made);
    const [command] = await childrenOf(made);
    const environment = await readFile(`/proc/${command?.process.pid}/environ`, 'utf8');
    const names = environment.split('\0').map((line) => line.split('=')[0]);
    expect(names).toContain('STANDBY_WORKSPACE_DIR');
    for (const name of ['LD_PRELOAD', 'SHOWN', 'PATH']) expect(names).not.toContain(name);
    expect(await readFile(`/proc/${command?.process.pid}/cmdline`, 'utf8')).not.toContain('SHOWN');
  });

  it('is asked to end before it is killed, and leaves nothing', async () => {
    await open();
    const made = build();
    await world.start(made);
    await findingsOf(made);
    await until(async () => expect(await (await fetch(await urlOf(made))).text()).toBe('served'));
    await world.stop(made);
    expect(world.home.living()).toEqual([]);
    expect(await readdir(inWorkspace(made, 'files'))).toContain('bye');
  });

  it('outlives the daemon, and is adopted by its next life', async () => {
    await open();
    const made = build();
    await world.start(made);
    await findingsOf(made);
    const living = world.home.living();
    await world.nextLife();
    expect(world.home.living()).toEqual(living);
    expect(await world.machine.inspect()).toMatchObject([
      { id: made.workspace.id, state: 'running' },
    ]);
  });

  it('is asked for again when the workspace is brought back', async () => {
    const environment = { PATH: process.env['PATH'] ?? '' };
    await open({ environment });
    const made = build();
    await world.start(made);
    await findingsOf(made);
    environment.PATH = '';
    for (const pid of world.home.living()) process.kill(pid, 'SIGKILL');
    await until(() => expect(world.home.living()).toEqual([]));
    await expect(world.machine.restart(made.workspace.id)).rejects.toThrow(
      'SANDBOX_UNAVAILABLE: there is no sandbox on this machine: bwrap is not in the PATH',
    );
    expect(world.home.living()).toEqual([]);
    // It is elsewhere by now.
    const found = execFileSync('sh', ['-c', 'command -v bwrap'], { encoding: 'utf8' }).trim();
    environment.PATH = path.join(world.home.scratch, 'bin');
    await mkdir(environment.PATH);
    await symlink(found, path.join(environment.PATH, 'bwrap'));
    await rm(inWorkspace(made, 'files', 'findings.json'));
    await world.machine.restart(made.workspace.id);
    await findingsOf(made);
    const [command] = await childrenOf(made);
    expect(await readFile(`/proc/${command?.process.pid}/cmdline`, 'utf8')).toContain(
      path.join(environment.PATH, 'bwrap'),
    );
  });

  it('has its agents in it, with their token and no more', async () => {
    const startup = './start.sh';
    await using server = await createFakeAgentServer({
      ...{ agent: 'main', workspace_id: sampleWorkspace().id, startup, on_claim: null },
      ...{ startup_timeout_ms: 60_000, on_claim_timeout_ms: 60_000, heartbeat_interval_ms: 500 },
    });
    await open({ url: server.url });
    const agents = [
      {
        ...{ name: 'main', startup, on_claim: null },
        ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
      },
    ];
    const made = build([], { agents });
    const script = '#!/bin/sh\nls .. > seen; ls /proc/$PPID > /dev/null && mv seen shown\n';
    await writeFile(path.join(world.home.scratch, 'template', 'start.sh'), script, { mode: 0o755 });
    const workspace = { ...made.workspace, agent_token: server.token };
    await world.start({ ...made, workspace });
    await until(() => expect(server.exchanges()).toBe(1));
    await until(async () => {
      const seen = await readFile(inWorkspace(made, 'files', 'shown'), 'utf8');
      expect(seen).toBe('agent-main\nagent-token\nfiles\ntmp\ntold\n');
    });
    expect(await readdir(inWorkspace(made, 'agent-main'))).toContain('startup.log');
  });

  it('is only promised where its command is in it', async () => {
    await open();
    const outside = path.join(world.home.scratch, 'outside');
    await writeFile(outside, '#!/bin/sh\n', { mode: 0o755 });
    await writeFile(path.join(world.home.scratch, 'template', 'run.sh'), '#!/bin/sh\n', {
      mode: 0o755,
    });
    // As a daemon has it, for the whole of a job.
    const folder = await world.home.templateFolder();
    const check = (command: string): Promise<void> => {
      const { template } = build();
      const settings = template.manifest.process;
      if (settings === null) throw new Error('there are settings');
      const environment = { PATH: `${world.home.scratch}:${process.env['PATH'] ?? ''}` };
      const manifest = processManifest({
        process: { ...settings, command: [command], environment },
      });
      return world.driver.check(
        { ...template, manifest },
        { ...context, templateFolder: () => Promise.resolve(folder) },
      );
    };
    for (const command of ['sh', 'node', process.execPath, './run.sh']) await check(command);
    for (const command of ['outside', outside]) {
      await expect(check(command)).rejects.toThrow(
        `TEMPLATE_REFUSED: the command "${command}" is not there in the sandbox: ${outside} is outside`,
      );
    }
  });

  it('has the ready check in it as well', async () => {
    await open();
    const script = `test -f server.cjs && echo own >> checked; test -e ${world.home.scratch}/ports || echo hidden >> checked`;
    const command = ['sh', '-c', script];
    const ready = {
      ...{ http: null, tcp: null, command, interval_seconds: 0.1, timeout_seconds: 60 },
    };
    const made = build([], { ready });
    await world.start(made);
    await until(async () => {
      expect(await readFile(inWorkspace(made, 'files', 'checked'), 'utf8')).toMatch(
        /^own\nhidden\n/,
      );
    });
    await until(async () => expect(await world.machine.inspect()).toMatchObject([{ ready: true }]));
  });
});

describe('without a sandbox', () => {
  it.each([
    ['is not installed', undefined, 'bwrap is not in the PATH'],
    ['may not work', 'bwrap: no namespaces here', '"bwrap: no namespaces here"'],
  ])('refuses a template that asks for it, where bubblewrap %s', async (_what, says, because) => {
    const environment = { PATH: '' };
    await open({ environment });
    if (says !== undefined) {
      const folder = path.join(world.home.scratch, 'bin');
      await mkdir(folder);
      await writeFile(path.join(folder, 'bwrap'), `#!/bin/sh\necho '${says}' >&2; exit 1\n`);
      await chmod(path.join(folder, 'bwrap'), 0o755);
      environment.PATH = folder;
    }
    const made = build();
    const refusal = `SANDBOX_UNAVAILABLE: there is no sandbox on this machine: ${because}. Install bubblewrap 0.8`;
    await expect(world.driver.check(made.template, context)).rejects.toThrow(refusal);
    await expect(world.start(made)).rejects.toThrow(refusal);
    expect(await readdir(world.home.workspaces)).toEqual([]);
    expect(world.driver.tool).toMatch(/; no sandbox$/);
  });
});

/** What became of each attempt. */
async function findingsIn(
  made: Build,
  attempts: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const { manifest } = build(attempts).template;
  await world.start({ ...made, template: { ...made.template, manifest } });
  return findingsOf(made);
}

async function childrenOf(made: Build): Promise<readonly { process: { pid: number } }[]> {
  return JSON.parse(await readFile(inWorkspace(made, 'children.json'), 'utf8')) as [];
}

async function urlOf(made: Build): Promise<string> {
  const record = await readFile(inWorkspace(made, 'record.json'), 'utf8');
  return `http://127.0.0.1:${(JSON.parse(record) as { port: number }).port}/`;
}
