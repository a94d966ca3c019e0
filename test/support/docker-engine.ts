// A Docker engine of the tests' own: on a private socket, with its own data and its own bridge, and
// without a rule for the machine's packets. What it runs is made here; nothing can be pulled.
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  copyFile,
  writeFile,
  readdir,
} from 'node:fs/promises';
import { openSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import {
  identifyProcess,
  isSameProcess,
  type ProcessIdentity,
} from '../../src/base/process-identity.ts';
import { readEngineAddress } from '../../src/provisioner/drivers/docker/engine/address.ts';
import type { Engine } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import { findEngine } from '../../src/provisioner/drivers/docker/engine/find-engine.ts';
import { createTransport } from '../../src/provisioner/drivers/docker/engine/transport.ts';
import { hasTool } from './tool.ts';

export interface TestEngine {
  readonly engine: Engine;
  /** As STANDBY_DOCKER_HOST names it. */
  readonly host: string;
  /** Of this machine, as containers reach it. */
  readonly gateway: string;
  /** The files of its image with a shell and a web server. */
  readonly busybox: string;
  /** Makes an image of a folder of files. */
  importImage(name: string, folder: string): Promise<void>;
  /** What the engine says of a container. */
  inspect(containerId: string): Promise<Inspected>;
  /** Runs a program in a container to its end. */
  run(containerId: string, command: readonly string[]): Promise<void>;
  /** Freezes what runs in a container, as somebody may by hand. */
  pause(containerId: string): Promise<void>;
  /** Ends it, and its containers with it where its settings do not keep them alive. */
  halt(): Promise<void>;
  /** Starts it again on what it had, with settings of its file or without. */
  resume(settings?: object): Promise<void>;
  stop(): Promise<void>;
}

export interface Inspected {
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly unknown[];
}

/** An image with a shell and a web server. */
export const BUSYBOX = 'standby-test/busybox:1';

const PREFIX = 'standby-test-docker-';
const START_MS = 60_000;

/** Whether an engine can be run here; see hasTool for what follows where it cannot. */
export function hasDocker(): boolean {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) return hasTool('dockerd') && hasTool('busybox') && hasTool('ip');
  if (process.env['CI'] === 'true') throw new Error('tests of the docker driver need root');
  process.stderr.write('SKIPPED: tests that start a Docker engine, which needs root\n');
  return false;
}

export async function startTestEngine(): Promise<TestEngine> {
  await sweepLeftovers();
  const folder = await mkdtemp(path.join(os.tmpdir(), PREFIX));
  await writeFile(path.join(folder, 'owner.json'), JSON.stringify(identifyProcess(process.pid)));
  const bridge = `sbt${process.pid}`;
  const subnet = 16 + (process.pid % 200);
  const gateway = `10.213.${subnet}.1`;
  ip('link', 'add', bridge, 'type', 'bridge');
  await writeFile(path.join(folder, 'bridge'), bridge);
  ip('address', 'add', `${gateway}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  const host = `unix://${folder}/docker.sock`;
  // The machine's own settings are none of this engine's.
  await writeFile(path.join(folder, 'settings.json'), '{}');
  let daemon = launch(folder, { bridge, host });
  const engine = await waitFor(daemon, { host, folder });
  const transport = createTransport(await readEngineAddress(host, undefined));

  const importImage = async (name: string, root: string): Promise<void> => {
    const [repo = '', tag = ''] = name.split(':');
    await transport.stream(
      {
        method: 'POST',
        path: '/images/create',
        query: { fromSrc: '-', repo, tag, changes: 'ENV PATH=/bin:/usr/local/bin' },
        body: execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 2 ** 30 }),
      },
      () => undefined,
    );
  };
  const busybox = path.join(folder, 'busybox');
  await makeBusybox(busybox);
  await importImage(BUSYBOX, busybox);

  const end = async (): Promise<void> => {
    if (daemon.exitCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
  };
  return {
    engine,
    host,
    gateway,
    busybox,
    importImage,
    inspect: async (id) =>
      (await transport.call({ method: 'GET', path: `/containers/${id}/json` })) as Inspected,
    run: async (id, command) => {
      const exec = await engine.createExec(id, { command, environment: [], isDetached: false });
      await engine.runExec(exec, new AbortController().signal);
    },
    pause: async (id) => {
      await transport.call({ method: 'POST', path: `/containers/${id}/pause` });
    },
    halt: end,
    resume: async (settings = {}) => {
      await writeFile(path.join(folder, 'settings.json'), JSON.stringify(settings));
      daemon = launch(folder, { bridge, host });
      await waitFor(daemon, { host, folder });
    },
    stop: async () => {
      await end();
      await clean(folder);
    },
  };
}

function launch(
  folder: string,
  { bridge, host }: { readonly bridge: string; readonly host: string },
): ChildProcess {
  const log = openSync(path.join(folder, 'log'), 'a');
  const args = [
    ...['--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '--host', host],
    ...['--pidfile', `${folder}/pid`, '--config-file', `${folder}/settings.json`],
    ...['--bridge', bridge, '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
  ];
  return spawn('dockerd', args, { stdio: ['ignore', log, log] });
}

async function waitFor(
  daemon: ChildProcess,
  { host, folder }: { readonly host: string; readonly folder: string },
): Promise<Engine> {
  const deadlineMs = systemClock.monotonicMs() + START_MS;
  for (;;) {
    const found = await findEngine(systemClock, await readEngineAddress(host, undefined));
    if (found.kind === 'found') return found.engine;
    if (daemon.exitCode !== null || systemClock.monotonicMs() > deadlineMs) {
      const log = readFileSync(path.join(folder, 'log'), 'utf8');
      await clean(folder);
      throw new Error(`dockerd does not start: ${found.because}\n${log.slice(-2_000)}`);
    }
    await systemClock.sleep(50);
  }
}

async function makeBusybox(root: string): Promise<void> {
  await mkdir(path.join(root, 'bin'), { recursive: true });
  await mkdir(path.join(root, 'tmp'));
  await mkdir(path.join(root, 'data'));
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  await copyFile(busybox, path.join(root, 'bin/busybox'));
  for (const name of [
    'sh',
    'httpd',
    'sleep',
    'echo',
    'cat',
    'touch',
    'id',
    'test',
    'mkdir',
    'env',
    'nc',
    'ls',
    'true',
    'false',
    'printf',
  ]) {
    await symlink('busybox', path.join(root, 'bin', name));
  }
}

/** Ends the engines of runs that were killed before their end. */
async function sweepLeftovers(): Promise<void> {
  for (const name of await readdir(os.tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = path.join(os.tmpdir(), name);
    const owner = await readFile(path.join(folder, 'owner.json'), 'utf8').catch(() => undefined);
    if (owner === undefined || isSameProcess(JSON.parse(owner) as ProcessIdentity)) continue;
    const pid = Number(await readFile(path.join(folder, 'pid'), 'utf8').catch(() => ''));
    if (Number.isSafeInteger(pid) && pid > 0 && isDaemonOf(pid, folder)) {
      process.kill(pid, 'SIGTERM');
      while (isDaemonOf(pid, folder)) await systemClock.sleep(50);
    }
    await clean(folder);
  }
}

function isDaemonOf(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
  } catch {
    return false;
  }
}

/** What outlives a killed dockerd: containerd, and what keeps each container. */
async function endContainerd(folder: string): Promise<void> {
  const find = async (): Promise<readonly number[]> =>
    (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && isDaemonOf(pid, folder));
  for (let pids = await find(); pids.length > 0; pids = await find()) {
    for (const pid of pids) spawnSync('kill', ['-KILL', String(pid)]);
    await systemClock.sleep(20);
  }
}

async function clean(folder: string): Promise<void> {
  await endContainerd(folder);
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${folder}/`));
  for (const place of mounts.reverse()) spawnSync('umount', [place]);
  const bridge = await readFile(path.join(folder, 'bridge'), 'utf8').catch(() => '');
  if (bridge !== '') spawnSync('ip', ['link', 'delete', bridge]);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
