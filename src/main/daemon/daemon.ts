// The provisioner daemon that runs beside the control plane in `standby up`. It speaks to it over HTTP
// like any other.
import os from 'node:os';
import path from 'node:path';
import type { Kit } from '../../base/kit.ts';
import { findPackageRoot } from '../../base/package-root.ts';
import { VERSION } from '../../base/version.ts';
import { createClient } from '../../client/client.ts';
import type { Config } from '../../config/config.ts';
import { createHttpControlPlane } from '../../provisioner/control-plane.ts';
import { createDaemon } from '../../provisioner/daemon.ts';
import type { Driver } from '../../provisioner/driver.ts';
import { createNullDriver } from '../../provisioner/drivers/null/driver.ts';
import { createProcessDriver } from '../../provisioner/drivers/process/driver.ts';
import { createPorts } from '../../provisioner/drivers/process/port.ts';
import type { DataFolder } from '../installation/data-folder.ts';

export interface LocalDaemon {
  readonly drivers: readonly string[];
  stop(cause: string): Promise<void>;
  /** Workspaces whose processes live. */
  countLiving(): Promise<number>;
}

const STOP_DEADLINE_MS = 15_000;

export async function startLocalDaemon(
  kit: Kit,
  options: {
    readonly config: Config;
    readonly folder: DataFolder;
    readonly url: string;
    readonly key: string;
  },
): Promise<LocalDaemon> {
  const { config, folder, url } = options;
  const drivers = [createNullDriver(kit), createLocalProcessDriver(kit, { folder, url })];
  const daemon = createDaemon(kit, {
    folder: folder.provisionerDir,
    name: os.hostname(),
    version: VERSION,
    tags: {},
    concurrency: config.provisionerConcurrency || os.availableParallelism(),
    controlPlane: createHttpControlPlane(createClient({ url, token: options.key })),
    drivers,
  });
  await daemon.start();
  return {
    drivers: drivers.map(({ name }) => name),
    stop: async (cause) => {
      await daemon.stop(cause, STOP_DEADLINE_MS);
    },
    countLiving: async () => {
      const machines = drivers.flatMap(({ machine }) => machine ?? []);
      const inspected = await Promise.all(machines.map((machine) => machine.inspect()));
      return inspected.flat().filter(({ state }) => state === 'running').length;
    },
  };
}

export function createLocalProcessDriver(
  kit: Kit,
  { folder, url }: { readonly folder: DataFolder; readonly url: string },
): Driver {
  const program = (name: string): string => path.join(findPackageRoot(), 'dist', name);
  // Shared by all daemons of this user on this machine.
  const uid = process.getuid?.() ?? 0;
  const portFolder = path.join(os.tmpdir(), `standby-ports-${uid}`);
  return createProcessDriver(
    {
      kit,
      ports: createPorts(kit.rng, portFolder),
      programs: { agent: program('agent.mjs'), supervisor: program('supervisor.mjs') },
      environment: process.env,
      url,
    },
    { folder: workspacesDir(folder) },
  );
}

/** Where the process driver keeps its workspaces. */
export function workspacesDir(folder: DataFolder): string {
  return path.join(folder.provisionerDir, 'workspaces');
}
