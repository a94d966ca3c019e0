// Which drivers a daemon offers, and how they are made.
import os from 'node:os';
import path from 'node:path';
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import { findPackageRoot } from '../../base/package-root.ts';
import type { Config } from '../../config/config.ts';
import type { MissingDriver } from '../../provisioner/await-drivers.ts';
import type { Driver } from '../../provisioner/driver.ts';
import { createDockerDriver } from '../../provisioner/drivers/docker/driver.ts';
import { readEngineAddress } from '../../provisioner/drivers/docker/engine/address.ts';
import { findEngine } from '../../provisioner/drivers/docker/engine/find-engine.ts';
import { createNullDriver } from '../../provisioner/drivers/null/driver.ts';
import { createGroups } from '../../provisioner/drivers/process/cgroup/groups.ts';
import { readPlaces } from '../../provisioner/drivers/process/cgroup/places.ts';
import { createProcessDriver } from '../../provisioner/drivers/process/driver.ts';
import { placesOf } from '../../provisioner/drivers/process/places.ts';
import { createPorts } from '../../provisioner/drivers/process/port.ts';
import { createSandbox } from '../../provisioner/drivers/process/sandbox/sandbox.ts';
import { createTerraformDriver } from '../../provisioner/drivers/terraform/driver.ts';
import { describeTool, findTool } from '../../provisioner/drivers/terraform/find-tool.ts';
import { loadDaemonIdentity } from '../../provisioner/identity.ts';

export interface DriverPlace {
  readonly config: Config;
  /** The daemon's own folder. */
  readonly folder: string;
  /** The control plane's address, for agents. */
  readonly url: string;
}

export interface Offer {
  readonly drivers: readonly Driver[];
  readonly missing: readonly MissingDriver[];
}

type Made =
  | { readonly kind: 'made'; readonly driver: Driver }
  | { readonly kind: 'missing'; readonly because: string };

type Make = (kit: Kit, place: DriverPlace) => Made | Promise<Made>;

const MAKERS: Readonly<Record<string, Make>> = {
  docker: createLocalDockerDriver,
  null: (kit) => ({ kind: 'made', driver: createNullDriver(kit) }),
  process: async (kit, place) => ({
    kind: 'made',
    driver: await createLocalProcessDriver(kit, place),
  }),
  terraform: createLocalTerraformDriver,
};

export const DRIVER_NAMES: readonly string[] = Object.keys(MAKERS);

/**
 * The drivers that the configuration names, or those of `otherwise` that can work here. Throws
 * CONFIG_INVALID for a name that is no driver, and where a driver that was asked for cannot work.
 */
export async function createDrivers(
  kit: Kit,
  otherwise: readonly string[],
  place: DriverPlace,
): Promise<Offer> {
  const named = place.config.provisionerDrivers;
  const drivers: Driver[] = [];
  const missing: MissingDriver[] = [];
  const again = (make: Make) => async () => {
    const made = await make(kit, place);
    return made.kind === 'made' ? made.driver : undefined;
  };
  for (const name of new Set(named ?? otherwise)) {
    const make = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
    if (make === undefined) throw refuse(name, `there are ${DRIVER_NAMES.join(', ')}`);
    const made = await make(kit, place);
    if (made.kind === 'made') drivers.push(made.driver);
    else if (named === undefined) missing.push({ name, because: made.because, find: again(make) });
    else throw refuse(name, `it cannot work here: ${made.because}`);
  }
  return { drivers, missing };
}

function refuse(name: string, why: string): AppError {
  const detail = `STANDBY_PROVISIONER_DRIVERS names ${JSON.stringify(name)}; ${why}`;
  return new AppError('CONFIG_INVALID', detail);
}

async function createLocalDockerDriver(kit: Kit, { config, folder }: DriverPlace): Promise<Made> {
  const address = await readEngineAddress(config.dockerHost, config.dockerTlsDir);
  const found = await findEngine(kit.clock, address);
  if (found.kind === 'missing') return found;
  const { engine, version } = found;
  kit.log.info('docker.found', { engine: engine.address, version });
  let machineId: string | undefined;
  const driver = createDockerDriver(kit, {
    engine,
    // Not before the folder is the daemon's: its first start makes an identity there.
    identify: async () => (machineId ??= (await loadDaemonIdentity(kit, folder)).machineId),
    publishAddress: config.dockerPublishAddress,
    networks: config.dockerNetworks ?? [],
    agentPrograms: { node: bundled('agent.mjs'), shell: bundled('agent.sh') },
  });
  return { kind: 'made', driver };
}

async function createLocalTerraformDriver(
  kit: Kit,
  { config, folder }: DriverPlace,
): Promise<Made> {
  const found = await findTool(config.terraformBin, process.env);
  if (found.kind === 'missing') return found;
  const { tool } = found;
  const { terraformCliConfigFile: cliConfigFile } = config;
  kit.log.info('terraform.found', { file: tool.file, tool: describeTool(tool) });
  const driver = createTerraformDriver(kit, {
    tool,
    folder: path.join(folder, 'terraform'),
    environment: process.env,
    listed: config.provisionerEnvironment ?? [],
    cliConfigFile: cliConfigFile === undefined ? undefined : path.resolve(cliConfigFile),
  });
  return { kind: 'made', driver };
}

async function createLocalProcessDriver(kit: Kit, { folder, url }: DriverPlace): Promise<Driver> {
  const { workspaces, hidden } = placesOf(folder);
  const groups = createGroups(readPlaces(), workspaces);
  kit.log.info('process.limits', { limits: groups.summary });
  const sandbox = await createSandbox({ clock: kit.clock, environment: process.env, hidden });
  kit.log.info('process.sandbox', { sandbox: sandbox.summary });
  // Shared by all daemons of this user on this machine.
  const uid = process.getuid?.() ?? 0;
  const portFolder = path.join(os.tmpdir(), `standby-ports-${uid}`);
  return createProcessDriver(
    {
      kit,
      ports: createPorts(kit.rng, portFolder),
      groups,
      sandbox,
      programs: { agent: bundled('agent.mjs'), supervisor: bundled('supervisor.mjs') },
      environment: process.env,
      url,
    },
    { folder: workspaces },
  );
}

function bundled(name: string): string {
  return path.join(findPackageRoot(), 'dist', name);
}
