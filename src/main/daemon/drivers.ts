// Which drivers a daemon offers, and how they are made.
import os from 'node:os';
import path from 'node:path';
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import { findPackageRoot } from '../../base/package-root.ts';
import type { Driver } from '../../provisioner/driver.ts';
import { createNullDriver } from '../../provisioner/drivers/null/driver.ts';
import { createProcessDriver } from '../../provisioner/drivers/process/driver.ts';
import { createPorts } from '../../provisioner/drivers/process/port.ts';

export interface DriverPlace {
  /** The daemon's own folder. */
  readonly folder: string;
  /** The control plane's address, for agents. */
  readonly url: string;
}

const MAKERS: Readonly<Record<string, (kit: Kit, place: DriverPlace) => Driver>> = {
  null: createNullDriver,
  process: createLocalProcessDriver,
};

export const DRIVER_NAMES: readonly string[] = Object.keys(MAKERS);

/** Throws CONFIG_INVALID for a name that is no driver. */
export function createDrivers(
  kit: Kit,
  names: readonly string[],
  place: DriverPlace,
): readonly Driver[] {
  return [...new Set(names)].map((name) => {
    const make = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
    if (make !== undefined) return make(kit, place);
    throw new AppError('CONFIG_INVALID', {
      detail: `STANDBY_PROVISIONER_DRIVERS names ${JSON.stringify(name)}; there are ${DRIVER_NAMES.join(', ')}`,
    });
  });
}

function createLocalProcessDriver(kit: Kit, { folder, url }: DriverPlace): Driver {
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

/** Where the process driver of the daemon in `folder` keeps its workspaces. */
export function workspacesDir(folder: string): string {
  return path.join(folder, 'workspaces');
}
