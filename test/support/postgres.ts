// A database of its own for each test file: a clone of the migrated template on the run's server.
import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import type { ConnectionParts } from '../../src/store/database.ts';

export interface TestServer {
  /** Of a role that may create databases. */
  readonly connection: ConnectionParts;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly postgres: TestServer;
  }
}

export const TEMPLATE_DATABASE = 'standby_test_template';

export interface TestDatabase extends AsyncDisposable {
  readonly connection: ConnectionParts;
  /** The same as one text, as STANDBY_DATABASE_URL takes it. */
  readonly url: string;
  /** Ends what is still connected and drops the database. */
  close(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** `empty` has no schema at all, for tests of the migrations themselves. */
  readonly schema?: 'migrated' | 'empty';
  readonly server?: ConnectionParts | undefined;
}

export async function createTestDatabase({
  schema = 'migrated',
  server = inject('postgres').connection,
}: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = schema === 'migrated' ? TEMPLATE_DATABASE : 'template1';
  await ask(server, `create database ${name} template ${template} strategy file_copy`);
  const connection = { ...server, database: name };
  const drop = async (): Promise<void> => {
    // `with (force)` is refused where an autovacuum worker, which is a superuser's, happens to be there;
    // without, PostgreSQL ends those by itself and waits for whom we ended and let in no more.
    await ask(server, `alter database ${name} with allow_connections false`);
    await ask(
      server,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = '${name}' and usename = current_user`,
    );
    await ask(server, `drop database ${name}`);
  };
  let dropping: Promise<void> | undefined;
  const close = (): Promise<void> => (dropping ??= drop());
  return { connection, url: urlOf(connection), close, [Symbol.asyncDispose]: close };
}

/**
 * The programs of a PostgreSQL that is not ours, for tests that need one. Where there is none, a
 * test that asks is skipped with a warning, and fails in CI.
 */
export async function findOtherPostgres(): Promise<string | undefined> {
  const folder = process.env['STANDBY_TEST_PG_BIN_DIR'] ?? '/usr/lib/postgresql/15/bin';
  try {
    await access(path.join(folder, 'postgres'));
    return folder;
  } catch {
    const message = `no PostgreSQL in ${folder}; name the folder of one in STANDBY_TEST_PG_BIN_DIR`;
    if (process.env['CI'] === 'true') throw new Error(message);
    process.stderr.write(`SKIPPED: ${message}\n`);
    return undefined;
  }
}

/** As STANDBY_DATABASE_URL takes it. */
export function urlOf({ host, port, user, password = '', database }: ConnectionParts): string {
  const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return `postgresql://${credentials}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
}

/** The values of the answer's rows, one after the other, asked on a connection of its own. */
export async function ask(connection: ConnectionParts, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const answer = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return [answer].flat().flatMap(({ rows }) => rows.flat());
  } finally {
    await client.end();
  }
}
