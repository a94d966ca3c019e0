// Who this daemon is: an id that stays with its data folder, and the machine its workspaces live on.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { createId, isUuid, type DaemonId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { writePrivateFile } from '../base/private-file.ts';
import { readIfThere } from '../base/read-if-there.ts';

export interface DaemonIdentity {
  readonly daemonId: DaemonId;
  readonly machineId: string;
}

/** In the daemon's folder, once it has run. */
export const DAEMON_ID_FILE = 'daemon-id';

/** Where systems keep the id of an installation: systemd's, and D-Bus's before it. */
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/** Reads the daemon's identity from `folder`, and makes it on the first start. */
export async function loadDaemonIdentity(kit: Kit, folder: string): Promise<DaemonIdentity> {
  const daemonId = await readOrMakeId<DaemonId>(kit, path.join(folder, DAEMON_ID_FILE));
  const machine =
    (await readSystemId()) ?? (await readOrMakeId(kit, path.join(folder, 'machine-id')));
  // Workspaces are folders and processes of one daemon: another daemon on the same machine cannot
  // work on them, so it is another machine to the control plane. A data folder that was copied to
  // another machine is another one too. Hashed, because a machine id should stay on its machine.
  const machineId = createHash('sha256').update(`standby ${machine} ${daemonId}`).digest('hex');
  return { daemonId, machineId: machineId.slice(0, 32) };
}

async function readOrMakeId<Id extends string>(kit: Kit, file: string): Promise<Id> {
  const found = await readText(file);
  if (found !== undefined && isUuid(found)) return found as Id;
  if (found !== undefined)
    throw new Error(`${file} holds ${JSON.stringify(found)}, which is no id`);
  const made = createId<Id>(kit);
  await writePrivateFile(file, `${made}\n`);
  return made;
}

async function readSystemId(): Promise<string | undefined> {
  for (const file of MACHINE_ID_FILES) {
    const id = await readText(file);
    // Images hold an empty file, or "uninitialized", until their first boot.
    if (id !== undefined && /^[0-9a-f]{32}$/.test(id)) return id;
  }
  return undefined;
}

async function readText(file: string): Promise<string | undefined> {
  return (await readIfThere(file))?.trim();
}
