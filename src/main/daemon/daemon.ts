// A provisioner daemon with its drivers: beside the control plane in `standby up`, or by itself in
// `standby provisioner`. Either speaks to the control plane over HTTP alone.
import os from 'node:os';
import type { Kit } from '../../base/kit.ts';
import { VERSION } from '../../base/version.ts';
import { createClient } from '../../client/client.ts';
import type { Config } from '../../config/config.ts';
import { createHttpControlPlane } from '../../provisioner/control-plane.ts';
import type { MissingDriver } from '../../provisioner/await-drivers.ts';
import { createDaemon } from '../../provisioner/daemon.ts';
import { createDrivers } from './drivers.ts';

export interface DaemonSpec {
  readonly config: Config;
  /** Of this daemon alone. */
  readonly folder: string;
  readonly url: string;
  readonly key: string;
  /** The drivers to offer if they can work here, where the configuration names none. */
  readonly drivers: readonly string[];
  /** Ends a start that is under way. */
  readonly signal: AbortSignal;
}

export interface RunningDaemon {
  /** Those that can work here now. */
  readonly drivers: readonly string[];
  /** Those that it will offer when they can. */
  readonly missing: readonly MissingDriver[];
  /** Aborted when another process has taken this daemon's place. */
  readonly replaced: AbortSignal;
  stop(cause: string): Promise<void>;
  /** Workspaces whose processes live. */
  countLiving(): Promise<number>;
}

/** Beyond the drain: for tools to end in order and write their states, and for these to be stored. */
const STOP_DEADLINE_MS = 15_000;

/**
 * Throws CONFIG_INVALID and DAEMON_FOLDER_TAKEN, and the reason of the signal when that aborts before
 * the daemon runs. That the control plane is away is no reason to throw.
 */
export async function startDaemon(kit: Kit, spec: DaemonSpec): Promise<RunningDaemon> {
  const { config, folder, url, signal } = spec;
  const { drivers, missing } = await createDrivers(kit, spec.drivers, { config, folder, url });
  for (const { name, because } of missing)
    kit.log.warn('driver.missing', { driver: name, because });
  const daemon = createDaemon(kit, {
    folder,
    name: config.provisionerName ?? os.hostname(),
    version: VERSION,
    tags: config.provisionerTags ?? {},
    drainMs: config.provisionerDrain,
    concurrency: config.provisionerConcurrency || os.availableParallelism(),
    controlPlane: createHttpControlPlane(createClient({ url, token: spec.key })),
    drivers,
    missing,
  });
  const stop = async (cause: string): Promise<void> => {
    await daemon.stop(cause, config.provisionerDrain + STOP_DEADLINE_MS);
  };
  signal.throwIfAborted();
  const stopStart = (): void => void stop('its program is stopping');
  signal.addEventListener('abort', stopStart, { once: true });
  try {
    await daemon.start();
    signal.throwIfAborted();
  } catch (error) {
    await stop('its start failed');
    throw error;
  } finally {
    signal.removeEventListener('abort', stopStart);
  }
  return {
    drivers: drivers.map(({ name }) => name),
    missing,
    replaced: daemon.replaced,
    stop,
    countLiving: async () => {
      const inspected = await Promise.all(daemon.machines().map((machine) => machine.inspect()));
      return inspected.flat().filter(({ state }) => state === 'running').length;
    },
  };
}
