// PostgreSQL for benches: one of their own, and what has to be said about any.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/embedded/server.ts';
import type { ConnectionParts } from '../../src/store/database.ts';
import type { Stage } from './bench.ts';

/** Those that figures depend on. */
const TOLD = [
  ...['fsync', 'synchronous_commit', 'full_page_writes', 'wal_compression'],
  ...['shared_buffers', 'max_wal_size', 'autovacuum_naptime', 'jit'],
];

/** A new server in a temporary folder, for as long as the bench runs. */
export async function startPostgres(
  stage: Stage,
  settings: Readonly<Record<string, string>> = {},
): Promise<ConnectionParts> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'standby-bench-'));
  stage.onEnd(() => rm(folder, { recursive: true }));
  // The server may run as another user.
  await chmod(folder, 0o711);
  const dataDir = path.join(folder, 'data');
  const server = await startEmbeddedPostgres(stage.kit, { dataDir, settings });
  stage.onEnd(() => server.stop());
  return server.connection;
}

/** Prints version and settings: figures without them cannot be compared. */
export async function tellPostgres(stage: Stage, connection: ConnectionParts): Promise<void> {
  const client = await connect(connection);
  try {
    const { rows } = await client.query<{ readonly name: string; readonly value: string }>(
      `select name, current_setting(name) as value from pg_settings where name = any ($1)
       order by array_position($1, name)`,
      [TOLD],
    );
    const version = await client.query<{ readonly server_version: string }>('show server_version');
    const settings = rows.map(({ name, value }) => `${name}=${value}`).join(' ');
    stage.print(`PostgreSQL ${version.rows[0]?.server_version ?? '?'}: ${settings}`);
  } finally {
    await client.end();
  }
}

/** A further database on the same server, empty or as `template`, to which nobody may be connected. */
export async function createSibling(
  connection: ConnectionParts,
  name: string,
  template = 'template1',
): Promise<ConnectionParts> {
  const client = await connect(connection);
  await client.query(`create database ${name} template ${template} strategy file_copy`);
  await client.end();
  return { ...connection, database: name };
}

export async function connect(connection: ConnectionParts): Promise<pg.Client> {
  const client = new pg.Client(connection);
  // A server that goes away shows in the next query; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** As STANDBY_DATABASE_URL takes it. */
export function urlOf({ host, port, user, password = '', database }: ConnectionParts): string {
  const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return `postgresql://${credentials}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
}
