// The database of a program that serves: the configured one, or the embedded one of its data folder.
import type { Kit } from '../../base/kit.ts';
import type { Config } from '../../config/config.ts';
import { keepEmbeddedPostgres, type KeptPostgres } from '../../embedded/keep.ts';
import type { Database } from '../../store/database.ts';
import type { DataFolder } from '../installation/data-folder.ts';
import type { Progress } from '../progress.ts';
import type { ReleaseStack } from '../release-stack.ts';
import { openDatabase } from './open-database.ts';

export interface OwnDatabaseOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly applicationName: string;
  readonly maxConnections: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Gets what has to be closed. */
  readonly releases: ReleaseStack;
  /** As of openDatabase. */
  prepare(kit: Kit, database: Database): Promise<void>;
}

/** Waits for a database that is down. Throws what openDatabase and keepEmbeddedPostgres throw. */
export async function openOwnDatabase(kit: Kit, options: OwnDatabaseOptions): Promise<Database> {
  const { config, progress, releases, signal } = options;
  const embedded = config.databaseUrl === undefined ? await startEmbedded(kit, options) : undefined;
  const database = await openDatabase(kit, {
    connection: embedded?.connection ?? config.databaseUrl ?? '',
    maxConnections: options.maxConnections,
    applicationName: options.applicationName,
    signal,
    prepare: (given, opened) => options.prepare(given, opened),
    onWaiting: (error) => progress.busy('PostgreSQL', `waiting: ${error.detail}`),
  });
  releases.add(() => database.close());
  progress.done(
    'PostgreSQL',
    embedded === undefined ? 'as configured' : `embedded, ${embedded.outcome}`,
  );
  return database;
}

async function startEmbedded(kit: Kit, options: OwnDatabaseOptions): Promise<KeptPostgres> {
  const { config, folder, progress, releases, signal } = options;
  const postgres = await keepEmbeddedPostgres(kit, {
    dataDir: folder.path,
    signal,
    onProgress: ({ kind }) => progress.busy('PostgreSQL', kind),
    ...(config.postgresBinDir === undefined ? {} : { binDir: config.postgresBinDir }),
  });
  releases.add(() => postgres.stop());
  return postgres;
}
