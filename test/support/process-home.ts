// Where the process driver lives in a test: its folders, its daemon's lives, and what it left there.
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createId } from '../../src/base/id.ts';
import { createKit, type Kit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { NO_LIMITS, type Manifest } from '../../src/contract/manifest/schema.ts';
import type { Driver } from '../../src/provisioner/driver.ts';
import { createGroups, type Groups } from '../../src/provisioner/drivers/process/cgroup/groups.ts';
import { readPlaces, type Places } from '../../src/provisioner/drivers/process/cgroup/places.ts';
import { createProcessDriver } from '../../src/provisioner/drivers/process/driver.ts';
import { placesOf } from '../../src/provisioner/drivers/process/places.ts';
import { createPorts } from '../../src/provisioner/drivers/process/port.ts';
import { MARK } from '../../src/provisioner/drivers/process/processes.ts';
import { createSandbox } from '../../src/provisioner/drivers/process/sandbox/sandbox.ts';
import type { Environment } from '../../src/provisioner/tool/environment.ts';
import { findMarked, type MarkedProcesses } from '../../src/provisioner/marked-process.ts';
import { sampleManifest } from './manifest.ts';
import type { Programs } from './programs.ts';
import { until } from './until.ts';

/** Says its process id, and starts a child that would outlive it. */
export const SERVER = `
  require('node:child_process').spawn('sleep', ['600']);
  require('node:http').createServer((_, r) => r.end(String(process.pid)))
    .listen(Number(process.env.PORT), '127.0.0.1');`;

/** Of the template that `createProcessHome` makes. */
export function processManifest(change: Partial<Manifest> = {}): Manifest {
  const process = {
    ...{ command: ['node', 'server.cjs'], environment: {} },
    ...{ limits: NO_LIMITS, sandbox: 'none' as const },
  };
  return sampleManifest({ driver: 'process', null: null, process, ...change });
}

export interface ProcessHome {
  readonly kit: Kit;
  readonly scratch: string;
  readonly workspaces: string;
  readonly ports: string;
  readonly groups: Groups;
  /** The driver as a daemon's next life has it. */
  open(): Driver;
  /** With these control groups. */
  openWith(groups: Groups): Driver;
  /** Replaces the template's only program. */
  writeServer(text: string): Promise<void>;
  /** A copy of the template's files. */
  templateFolder(): Promise<string>;
  /** Pids of the workspaces' processes, oldest first. */
  living(workspaceId?: string): readonly number[];
  /** Of those in namespaces of pids below the daemon's. */
  nested(workspaceId?: string): readonly number[];
  /** Processes, control groups, folders and reserved ports. */
  remains(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export interface HomeOptions {
  /** The data folder, in which nothing is yet. */
  readonly scratch?: string;
  readonly clock?: Clock;
  /** Where the driver may have control groups. */
  readonly places?: Places;
  /** Of the daemon. */
  readonly environment?: Environment;
  /** The control plane's address. */
  readonly url?: string;
}

export async function createProcessHome(
  programs: Programs,
  options: HomeOptions = {},
): Promise<ProcessHome> {
  const { clock = systemClock, places = readPlaces() } = options;
  const { environment = process.env, url = 'http://127.0.0.1:1' } = options;
  const kit = { ...createKit(silentLog), clock };
  const { scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-process-home-')) } = options;
  const at = (name: string): string => path.join(scratch, name);
  const { workspaces, hidden } = placesOf(at('provisioner'));
  const [ports, template] = [at('ports'), at('template')];
  const writeServer = (text: string): Promise<void> =>
    writeFile(path.join(template, 'server.cjs'), text);
  await mkdir(at('provisioner'), { recursive: true });
  await mkdir(template);
  await writeServer(SERVER);

  const find = (where: keyof MarkedProcesses, workspaceId?: string): readonly number[] => {
    const isWanted = (folder: string): boolean =>
      workspaceId === undefined
        ? folder.startsWith(`${workspaces}/`)
        : folder === path.join(workspaces, workspaceId);
    return [...findMarked(MARK, isWanted)[where].values()]
      .flat()
      .sort((a, b) => Number(a.startMark) - Number(b.startMark))
      .map(({ pid }) => pid);
  };
  const living = (workspaceId?: string): readonly number[] => find('outside', workspaceId);
  const nested = (workspaceId?: string): readonly number[] => find('nested', workspaceId);
  const groups = createGroups(places, workspaces);
  const sandbox = await createSandbox({ clock, environment, hidden });
  const list = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

  const openWith = (own: Groups): Driver =>
    createProcessDriver(
      {
        kit,
        ports: createPorts(kit.rng, ports),
        groups: own,
        sandbox,
        programs,
        environment,
        url,
      },
      { folder: workspaces },
    );

  return {
    kit,
    scratch,
    workspaces,
    ports,
    groups,
    open: () => openWith(groups),
    openWith,
    writeServer,
    templateFolder: async () => {
      const copy = at(`copy-${createId(kit)}`);
      await cp(template, copy, { recursive: true });
      return copy;
    },
    living,
    nested,
    remains: async () => [
      ...[...living(), ...nested()].map((pid) => `process ${pid}`),
      ...groups.list().map((id) => `control group ${id}`),
      ...(await list(workspaces)).map((id) => `folder ${id}`),
      ...(await list(ports)).map((port) => `port ${port}`),
    ],
    remove: async () => {
      for (const pid of [...living(), ...nested()]) process.kill(pid, 'SIGKILL');
      await until(() => expect(groups.list().every((id) => groups.remove(id))).toBe(true));
      await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
