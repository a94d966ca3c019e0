// Brings the schema up to this version: numbered files, each one transaction, applied in order under
// one lock, so that any number of processes may start at once. An applied file never changes.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';
import type pg from 'pg';
import { MIGRATION_LOCK } from './advisory-lock.ts';
import type { Database } from './database.ts';
import { isUnavailable } from './sqlstate.ts';
import { translated } from './translated.ts';

export interface Migration {
  /** The file's name: NNNN_verb_noun.sql. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, in hex. */
  readonly checksum: string;
}

export interface MigrationResult {
  /** The names of those that this call applied. */
  readonly applied: readonly string[];
}

const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/;

const CREATE_TABLE = `
  create table if not exists schema_migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz(3) not null default now()
  )`;

export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(path.join(folder, name), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Applies what is missing. Throws SCHEMA_NEWER when the database was migrated by a newer version, and
 * SCHEMA_CHANGED when an applied migration differs from its file; nothing is changed then.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
): Promise<MigrationResult> {
  return connected(database, async (client) => {
    await client.query('set statement_timeout = 0');
    // It goes with the session.
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(CREATE_TABLE);
    const missing = findMissing(await readApplied(client), migrations);
    for (const migration of missing) await apply(client, migration);
    return { applied: missing.map((migration) => migration.name) };
  });
}

/** The names of those that migrate would apply. Throws as it does, and changes nothing. */
export async function listMissing(
  database: Database,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  return connected(database, async (client) => {
    const { rows } = await client.query<{ found: boolean }>(
      "select to_regclass('schema_migrations') is not null as found",
    );
    const applied = rows[0]?.found === true ? await readApplied(client) : [];
    return findMissing(applied, migrations).map(({ name }) => name);
  });
}

/** Runs `work` on a connection of its own. Throws DATABASE_UNAVAILABLE when that is lost. */
async function connected<T>(
  database: Database,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await database.connect();
  try {
    return await translated(() => work(client));
  } finally {
    await client.end();
  }
}

interface Applied {
  readonly name: string;
  readonly checksum: string;
}

async function readApplied(client: pg.Client): Promise<readonly Applied[]> {
  const { rows } = await client.query<Applied>(
    'select name, checksum from schema_migrations order by name',
  );
  return rows;
}

function findMissing(
  applied: readonly Applied[],
  migrations: readonly Migration[],
): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum } of applied) {
    const migration = known.get(name);
    if (migration === undefined) {
      throw new AppError(
        'SCHEMA_NEWER',
        `the database has migration ${name}, which this version does not know`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new AppError(
        'SCHEMA_CHANGED',
        `migration ${name} was applied with other contents than it has now`,
      );
    }
  }
  const done = new Set(applied.map((row) => row.name));
  return migrations.filter((migration) => !done.has(migration.name));
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query('insert into schema_migrations (name, checksum) values ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
    await client.query(migration.sql);
    await client.query('commit');
  } catch (error) {
    if (isUnavailable(error)) throw error; // which has rolled back
    await client.query('rollback').catch(() => undefined); // the first error says more
    const detail = `migration ${migration.name} failed: ${(error as Error).message}`;
    throw new AppError('MIGRATION_FAILED', detail, { cause: error });
  }
}
