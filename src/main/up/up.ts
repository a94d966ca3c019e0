// `standby up`: the whole of Standby on one machine, in one process and an embedded PostgreSQL.
import type { AppError } from '../../base/app-error.ts';
import { createKit, type Kit } from '../../base/kit.ts';
import { createLog } from '../../base/log.ts';
import { createClient } from '../../client/client.ts';
import type { Config } from '../../config/config.ts';
import { keepEmbeddedPostgres, type KeptPostgres } from '../../embedded/keep.ts';
import { bootstrapInstallation, FIRST_ORGANIZATION } from '../../people/bootstrap.ts';
import type { Database } from '../../store/database.ts';
import {
  loadCredentials,
  writeCredentials,
  type Credentials,
} from '../installation/credentials.ts';
import type { DataFolder } from '../installation/data-folder.ts';
import { loadSecretKey } from '../installation/secret-file.ts';
import { startControlPlane, type ControlPlane } from '../server/control-plane.ts';
import { openDatabase } from '../server/open-database.ts';
import { pushExamples } from './examples.ts';
import { startLocalDaemon, type LocalDaemon } from './local-daemon.ts';
import type { Progress } from './progress.ts';
import { waitUntilWarm } from './warm-up.ts';

export interface UpOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The servers answer. */
  onListening(url: string): Promise<void>;
  /** The pools are full, or as full as they can be. */
  onWarm(url: string, template: string | undefined): void;
}

export interface UpResult {
  /** Workspaces whose processes go on living without the servers. */
  readonly livingWorkspaces: number;
}

/** Runs until the signal is aborted, then stops everything in order. */
export async function runUp(options: UpOptions): Promise<UpResult> {
  const { config, folder, progress, signal } = options;
  const kit = createKit(createLog(config.logLevel, folder.logFile));
  const releases: (() => Promise<unknown>)[] = [];
  let daemon: LocalDaemon | undefined;
  try {
    const credentials = await loadCredentials(kit, folder);
    const database = await openOwnDatabase(kit, options, releases);
    await bootstrapInstallation({ kit, database }, credentials);

    const controlPlane = await startOwnControlPlane(kit, options, database);
    releases.push(() => controlPlane.stop('standby up is stopping'));
    const { url } = controlPlane.address;
    await writeCredentials(folder, { url, token: credentials.adminToken });
    await options.onListening(url);
    progress.done('control plane', url);

    daemon = await startLocalDaemon(kit, { config, folder, url, key: credentials.provisionerKey });
    releases.push(async () => daemon?.stop('standby up is stopping'));
    progress.done('daemon', daemon.drivers.join(', '));

    await fillPools(kit, options, { url, credentials, drivers: daemon.drivers });
    await untilAborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const release of releases.reverse()) {
      await release().catch((error: unknown) => kit.log.error('up.release_failed', { error }));
    }
  }
  return { livingWorkspaces: (await daemon?.countLiving()) ?? 0 };
}

async function openOwnDatabase(
  kit: Kit,
  { config, folder, progress, signal }: UpOptions,
  releases: (() => Promise<unknown>)[],
): Promise<Database> {
  let postgres: KeptPostgres | undefined;
  if (config.databaseUrl === undefined) {
    postgres = await keepEmbeddedPostgres(kit, {
      dataDir: folder.path,
      signal,
      onProgress: ({ kind }) => progress.busy('PostgreSQL', kind),
      ...(config.postgresBinDir === undefined ? {} : { binDir: config.postgresBinDir }),
    });
    releases.push(() => postgres?.stop() ?? Promise.resolve());
  }
  const database = await openDatabase(kit, {
    connection: config.databaseUrl ?? postgres?.connection ?? '',
    maxConnections: config.databaseMaxConnections,
    applicationName: 'standby up',
    signal,
    onWaiting: (error: AppError) => progress.busy('PostgreSQL', `waiting: ${error.detail}`),
  });
  releases.push(() => database.close());
  progress.done(
    'PostgreSQL',
    postgres === undefined ? 'as configured' : `embedded, ${postgres.outcome}`,
  );
  return database;
}

async function startOwnControlPlane(
  kit: Kit,
  { config, folder }: UpOptions,
  database: Database,
): Promise<ControlPlane> {
  const file = config.secretKeyFile ?? folder.secretKeyFile;
  const secretKey = await loadSecretKey(kit, file, { create: config.secretKeyFile === undefined });
  return startControlPlane(kit, {
    config,
    database,
    secretKey,
    alone: config.databaseUrl === undefined,
  });
}

async function fillPools(
  kit: Kit,
  options: UpOptions,
  running: {
    readonly url: string;
    readonly credentials: Credentials;
    readonly drivers: readonly string[];
  },
): Promise<void> {
  const { progress, signal } = options;
  const client = createClient({ url: running.url, token: running.credentials.adminToken });
  const organization = FIRST_ORGANIZATION;
  await pushExamples({ kit, client, progress, organization, drivers: running.drivers, signal });
  const warm = await waitUntilWarm({ kit, client, progress, organization, signal });
  options.onWarm(running.url, warm[0]?.template);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
