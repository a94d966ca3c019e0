// Ends the workspaces that a daemon which does not run any more has left: its processes, and its
// containers where its engine answers.
import path from 'node:path';
import type { Kit } from '../../base/kit.ts';
import { readIfThere } from '../../base/read-if-there.ts';
import type { Config } from '../../config/config.ts';
import { endAllContainers } from '../../provisioner/drivers/docker/end-all.ts';
import { readEngineAddress } from '../../provisioner/drivers/docker/engine/address.ts';
import { findEngine } from '../../provisioner/drivers/docker/engine/find-engine.ts';
import { endAllWorkspaces } from '../../provisioner/drivers/process/end-all.ts';
import { DAEMON_ID_FILE, loadDaemonIdentity } from '../../provisioner/identity.ts';
import { workspacesDir } from '../daemon/drivers.ts';

export interface DaemonPlace {
  readonly config: Config;
  /** The daemon's own folder. */
  readonly folder: string;
}

/** Gives the number of those that lived. */
export async function endWorkspaces(kit: Kit, place: DaemonPlace): Promise<number> {
  const processes = await endAllWorkspaces(kit.clock, workspacesDir(place.folder));
  return processes + (await endContainers(kit, place));
}

async function endContainers(kit: Kit, { config, folder }: DaemonPlace): Promise<number> {
  // A daemon that never ran has none.
  if ((await readIfThere(path.join(folder, DAEMON_ID_FILE))) === undefined) return 0;
  const address = await readEngineAddress(config.dockerHost, config.dockerTlsDir);
  const found = await findEngine(kit.clock, address);
  if (found.kind === 'missing') return 0;
  return endAllContainers(found.engine, (await loadDaemonIdentity(kit, folder)).machineId);
}
