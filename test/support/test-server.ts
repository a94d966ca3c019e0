// A PostgreSQL for tests, with the migrated template that each test's database is cloned from.
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createKit, type Kit } from '../../src/base/kit.ts';
import { createLog } from '../../src/base/log.ts';
import {
  identifyProcess,
  isSameProcess,
  type ProcessIdentity,
} from '../../src/base/process-identity.ts';
import { startEmbeddedPostgres, stopEmbeddedPostgres } from '../../src/embedded/server.ts';
import { createDatabase } from '../../src/store/database.ts';
import { migrate, readMigrations } from '../../src/store/migrate.ts';
import { TEMPLATE_DATABASE, type TestServer } from './postgres.ts';

const PREFIX = 'standby-test-postgres-';
const MIGRATIONS = path.join(import.meta.dirname, '../../migrations');

export interface RunningTestServer extends TestServer {
  readonly dataDir: string;
  /** Starts it again, which was killed; it is reached as before. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTestServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<RunningTestServer> {
  const kit = createKit(createLog('warn'));
  await sweepLeftovers(kit);
  const folder = await createServerFolder();
  const dataDir = path.join(folder, 'data');
  const start = (): ReturnType<typeof startEmbeddedPostgres> =>
    startEmbeddedPostgres(kit, {
      dataDir,
      binDir: process.env['STANDBY_TEST_PG_BIN_DIR'],
      settings: {
        // The data lives as long as the run.
        fsync: 'off',
        full_page_writes: 'off',
        synchronous_commit: 'off',
        max_connections: '200',
        ...settings,
      },
    });
  let server = await start();
  const { connection } = server;
  const maintenance = createDatabase(kit, {
    connection,
    maxConnections: 1,
    applicationName: 'test setup',
  });
  const client = await maintenance.connect();
  await client.query(`create database ${TEMPLATE_DATABASE}`);
  await client.end();
  await maintenance.close();

  const template = createDatabase(kit, {
    connection: { ...connection, database: TEMPLATE_DATABASE },
    maxConnections: 1,
    applicationName: 'test setup',
  });
  await migrate(template, await readMigrations(MIGRATIONS));
  await template.close();
  return {
    connection,
    dataDir,
    restart: async () => {
      server = await start();
    },
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Passable, because the server may run as another user; marked, so that a later run can sweep it. */
async function createServerFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), PREFIX));
  await chmod(folder, 0o711);
  await writeFile(path.join(folder, 'owner.json'), JSON.stringify(identifyProcess(process.pid)));
  return folder;
}

/** Ends the servers of runs that were killed before their teardown. */
async function sweepLeftovers(kit: Kit): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = path.join(tmpdir(), name);
    const owner = await readFile(path.join(folder, 'owner.json'), 'utf8').catch(() => undefined);
    if (owner === undefined || isSameProcess(JSON.parse(owner) as ProcessIdentity)) continue;
    await stopEmbeddedPostgres(kit, path.join(folder, 'data'));
    await rm(folder, { recursive: true, force: true });
  }
}
