// The control plane of a data folder, with everything it stands on: `standby up` and `standby server`.
import type { Kit } from '../../base/kit.ts';
import type { Config } from '../../config/config.ts';
import { openKeyring } from '../../keys/keyring.ts';
import { bootstrapInstallation } from '../../people/bootstrap.ts';
import {
  loadCredentials,
  writeCredentials,
  type Credentials,
} from '../installation/credentials.ts';
import type { DataFolder } from '../installation/data-folder.ts';
import { loadMetricsToken, loadSecretKey } from '../installation/secret-file.ts';
import type { Progress } from '../progress.ts';
import type { ReleaseStack } from '../release-stack.ts';
import { startControlPlane } from './control-plane.ts';
import { migrateSchema } from './open-database.ts';
import { openOwnDatabase } from './own-database.ts';
import { shareConnections } from './share-connections.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  /** The program's name: shows in the database's list of connections. */
  readonly program: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Gets what has to be stopped, in the order in which it was started. */
  readonly releases: ReleaseStack;
}

export interface Serving {
  readonly url: string;
  readonly credentials: Credentials;
}

/** Resolves when requests are answered. Throws SECRET_KEY_WRONG, ADDRESS_IN_USE, and what keeps it from the database. */
export async function serve(kit: Kit, options: ServeOptions): Promise<Serving> {
  const { config, folder, program, progress, releases } = options;
  const credentials = await loadCredentials(kit, folder);
  const secretKey = await loadSecretKey(kit, config.secretKeyFile ?? folder.secretKeyFile, {
    create: config.secretKeyFile === undefined,
  });
  const metricsToken = await loadMetricsToken(
    kit,
    config.metricsTokenFile ?? folder.metricsTokenFile,
    { create: config.metricsTokenFile === undefined },
  );
  const connections = shareConnections(config.databaseMaxConnections);
  const database = await openOwnDatabase(kit, {
    ...options,
    applicationName: program,
    maxConnections: connections.others,
    prepare: migrateSchema,
  });
  // First: a secret key that is not this database's must change nothing there.
  const keyring = await openKeyring({ ...kit, database, secretKey });
  await bootstrapInstallation({ kit, database }, credentials);
  const controlPlane = await startControlPlane(kit, {
    config,
    database,
    builders: database.lane(connections.builders),
    secretKey,
    keyring,
    metricsToken,
    alone: config.databaseUrl === undefined,
  });
  releases.add(() => controlPlane.stop(`${program} is stopping`));
  const { url } = controlPlane.address;
  await writeCredentials(folder, { url, token: credentials.adminToken });
  progress.done('control plane', url);
  return { url, credentials };
}
