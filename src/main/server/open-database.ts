// From an address to a database that can be used: reachable, new enough, and as migrated as asked.
import path from 'node:path';
import { AppError } from '../../base/app-error.ts';
import { createBackoff } from '../../base/backoff.ts';
import type { Kit } from '../../base/kit.ts';
import { findPackageRoot } from '../../base/package-root.ts';
import { createRestoreWatch } from '../../jobs/restore-watch.ts';
import { createDatabase, type Database, type DatabaseOptions } from '../../store/database.ts';
import { migrate, readMigrations, type Migration } from '../../store/migrate.ts';
import { checkServerVersion } from '../../store/server-version.ts';

export interface OpenDatabaseOptions extends DatabaseOptions {
  readonly signal: AbortSignal;
  /** Told once, when the database cannot be reached yet and is waited for. */
  onWaiting(error: AppError): void;
  /** Done once the database can be reached, and again when it went away meanwhile. */
  prepare(kit: Kit, database: Database): Promise<void>;
}

const RETRY = { firstMs: 250, maxMs: 5_000 };

/** Waits for a database that is down. Throws DATABASE_UNSUPPORTED, and what `prepare` throws. */
export async function openDatabase(kit: Kit, options: OpenDatabaseOptions): Promise<Database> {
  const database = createDatabase(kit, options);
  try {
    await untilReachable(kit, options, async () => {
      await checkServerVersion(database);
      await options.prepare(kit, database);
    });
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * Brings the schema up to this version, and trusts no prebuild of a database that was put back. Throws
 * SCHEMA_NEWER, SCHEMA_CHANGED, MIGRATION_FAILED.
 */
export async function migrateSchema(kit: Kit, database: Database): Promise<void> {
  const { applied } = await migrate(database, await readOwnMigrations());
  if (applied.length > 0) kit.log.info('database.migrated', { applied });
  await createRestoreWatch({ ...kit, database })();
}

/** Those of this version. */
export function readOwnMigrations(): Promise<readonly Migration[]> {
  return readMigrations(path.join(findPackageRoot(), 'migrations'));
}

async function untilReachable(
  kit: Kit,
  options: OpenDatabaseOptions,
  work: () => Promise<void>,
): Promise<void> {
  const backoff = createBackoff(kit.rng, RETRY);
  let told = false;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof AppError) || error.code !== 'DATABASE_UNAVAILABLE') throw error;
      kit.log.warn('database.waiting', { error });
      if (!told) options.onWaiting(error);
      told = true;
      await kit.clock.sleep(backoff.nextMs(), options.signal);
    }
  }
}
