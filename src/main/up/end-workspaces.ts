// Ends the workspaces that a daemon which does not run any more has left: its processes, and its
// containers where its engine answers.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Kit } from '../../base/kit.ts';
import { readIfThere } from '../../base/read-if-there.ts';
import type { Config } from '../../config/config.ts';
import { endAllContainers } from '../../provisioner/drivers/docker/end-all.ts';
import {
  readEngineAddress,
  type EngineAddress,
} from '../../provisioner/drivers/docker/engine/address.ts';
import { findEngine } from '../../provisioner/drivers/docker/engine/find-engine.ts';
import { EngineAway } from '../../provisioner/drivers/docker/engine/transport.ts';
import { createGroups } from '../../provisioner/drivers/process/cgroup/groups.ts';
import { readPlaces } from '../../provisioner/drivers/process/cgroup/places.ts';
import { endAllWorkspaces } from '../../provisioner/drivers/process/end-all.ts';
import { placesOf } from '../../provisioner/drivers/process/places.ts';
import { DAEMON_ID_FILE, loadDaemonIdentity } from '../../provisioner/identity.ts';

export interface DaemonPlace {
  readonly config: Config;
  /** The daemon's own folder. */
  readonly folder: string;
}

export interface EndedWorkspaces {
  /** The number of those that lived. */
  readonly stopped: number;
  /** Where containers may live on, because the engine did not say; undefined where nothing is in doubt. */
  readonly silentEngine: SilentEngine | undefined;
}

export interface SilentEngine {
  readonly address: string;
  readonly because: string;
}

export async function endWorkspaces(kit: Kit, place: DaemonPlace): Promise<EndedWorkspaces> {
  const { workspaces } = placesOf(place.folder);
  const deps = { clock: kit.clock, groups: createGroups(readPlaces(), workspaces) };
  // Run by somebody in a workspace, this would be among what is to start nothing more.
  deps.groups.leave(process.pid);
  const processes = await endAllWorkspaces(deps, workspaces);
  const containers = await endContainers(kit, place);
  return { ...containers, stopped: processes + containers.stopped };
}

const NONE: EndedWorkspaces = { stopped: 0, silentEngine: undefined };

async function endContainers(kit: Kit, { config, folder }: DaemonPlace): Promise<EndedWorkspaces> {
  // A daemon that never ran has none.
  if ((await readIfThere(path.join(folder, DAEMON_ID_FILE))) === undefined) return NONE;
  const address = await readEngineAddress(config.dockerHost, config.dockerTlsDir);
  const silent = (because: string): EndedWorkspaces => ({
    stopped: 0,
    silentEngine: { address: address.text, because },
  });
  const found = await findEngine(kit.clock, address);
  if (found.kind === 'missing') return isInstalled(address) ? silent(found.because) : NONE;
  const { machineId } = await loadDaemonIdentity(kit, folder);
  try {
    return { ...NONE, stopped: await endAllContainers(found.engine, machineId) };
  } catch (error) {
    if (error instanceof EngineAway) return silent(error.message);
    throw error;
  }
}

/** An engine leaves its socket where it was; a machine without one never had any. */
function isInstalled({ connection }: EngineAddress): boolean {
  return !('socketPath' in connection) || existsSync(connection.socketPath);
}
