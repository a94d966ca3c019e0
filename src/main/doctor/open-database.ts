// The database to examine, as it is found: the configured one; the embedded one that runs, whoever
// started it; else the embedded one, started for as long as this takes.
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import type { Config } from '../../config/config.ts';
import { findEmbeddedPostgres, hasEmbeddedPostgres } from '../../embedded/server.ts';
import { createDatabase, type Database, type DatabaseOptions } from '../../store/database.ts';
import { checkServerVersion } from '../../store/server-version.ts';
import { findDataFolder } from '../installation/data-folder.ts';
import { occupyOrRefuse } from '../installation/instance.ts';
import type { Progress } from '../progress.ts';
import type { ReleaseStack } from '../release-stack.ts';
import { openOwnDatabase } from '../server/own-database.ts';

export interface ExaminedDatabaseOptions {
  readonly config: Config;
  /** The data folder's path. */
  readonly dataDir: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Gets what has to be closed. */
  readonly releases: ReleaseStack;
}

const APPLICATION_NAME = 'standby doctor';
/** One for the snapshot, one for what is asked beside it. */
const MAX_CONNECTIONS = 2;

/** Does not wait for a database that is down. Throws DATABASE_UNAVAILABLE, CONFIG_INVALID. */
export async function openExaminedDatabase(
  kit: Kit,
  options: ExaminedDatabaseOptions,
): Promise<Database> {
  const { config, dataDir, releases, signal } = options;
  if (config.databaseUrl !== undefined) return connect(kit, config.databaseUrl, options);

  const folder = await findDataFolder(dataDir);
  if (folder === undefined || !(await hasEmbeddedPostgres(folder.path))) {
    throw new AppError('CONFIG_INVALID', {
      detail: `there is no installation in ${dataDir}`,
      hint: 'Name its data folder with --data-dir, or its database with --database-url.',
    });
  }
  const running = await findEmbeddedPostgres(kit, folder.path, signal);
  if (running !== undefined) return connect(kit, running, options);

  const occupation = await occupyOrRefuse(kit, folder);
  releases.add(() => occupation.release());
  const prepare = (): Promise<void> => Promise.resolve();
  return openOwnDatabase(kit, {
    ...{ ...options, folder, prepare },
    ...{ applicationName: APPLICATION_NAME, maxConnections: MAX_CONNECTIONS },
  });
}

async function connect(
  kit: Kit,
  connection: DatabaseOptions['connection'],
  { releases }: ExaminedDatabaseOptions,
): Promise<Database> {
  const database = createDatabase(kit, {
    connection,
    maxConnections: MAX_CONNECTIONS,
    applicationName: APPLICATION_NAME,
  });
  releases.add(() => database.close());
  await checkServerVersion(database);
  return database;
}
