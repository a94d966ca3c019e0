// `standby server` and `standby provisioner` as processes of their own, as in production, on the embedded
// PostgreSQL in a temporary folder.
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createClient, type Client } from '../../src/client/client.ts';
import { promoteVersion } from '../../src/client/promote-version.ts';
import { pushTemplate } from '../../src/client/push-template.ts';
import { startEmbeddedPostgres } from '../../src/embedded/server.ts';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import type { ConnectionParts } from '../../src/store/database.ts';
import { buildBin, startProgram, type Program } from '../../test/support/program.ts';
import type { Stage } from './bench.ts';
import { urlOf } from './postgres.ts';

export interface Installation {
  readonly dataDir: string;
  readonly connection: ConnectionParts;
  /** The administrator's. */
  readonly client: Client;
  readonly server: Program;
  readonly daemon: Program;
  /** In the place of the one that was ended. */
  startDaemon(): Promise<Program>;
  /** Pushes the template and makes it the active version. */
  push(name: string, archive: Uint8Array): Promise<void>;
}

/**
 * Ends with the stage. `settings` are those of both programs; without a `connection` the server starts a
 * database of its own.
 */
export async function startInstallation(
  stage: Stage,
  settings: Readonly<Record<string, string>>,
  given: {
    readonly connection?: ConnectionParts;
    readonly daemonSettings?: Readonly<Record<string, string>>;
  } = {},
): Promise<Installation> {
  const { kit, signal } = stage;
  buildBin();
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'standby-bench-'));
  stage.onEnd(() => rm(dataDir, { recursive: true, force: true }));
  const where =
    given.connection === undefined ? {} : { STANDBY_DATABASE_URL: urlOf(given.connection) };
  const start = async (
    program: string,
    readyText: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Program> => {
    const started = startProgram([program, '--data-dir', dataDir], {
      environment: { STANDBY_HTTP_PORT: '0', ...where, ...settings, ...more },
      logFile: openSync(path.join(dataDir, `${program}.log`), 'a'),
    });
    stage.onEnd(() => started.end('SIGTERM'));
    await started.until(readyText);
    return started;
  };
  const server = await start('server', 'serves at');
  const startDaemon = (more?: Readonly<Record<string, string>>): Promise<Program> =>
    start('provisioner', 'works for', more);
  const daemon = await startDaemon(given.daemonSettings);
  const connection = given.connection ?? (await startEmbeddedPostgres(kit, { dataDir })).connection; // adopts the server's
  const client = await createAdminClient(dataDir);
  return {
    dataDir,
    connection,
    client,
    server,
    daemon,
    startDaemon,
    push: async (template, archive) => {
      const named = { organization: FIRST_ORGANIZATION, template };
      const version = await pushTemplate({ ...kit, client }, { ...named, archive }, { signal });
      const promoted = { ...named, version: version.name };
      await promoteVersion({ ...kit, client }, promoted, { signal });
    },
  };
}

async function createAdminClient(dataDir: string): Promise<Client> {
  const text = await readFile(path.join(dataDir, 'credentials.json'), 'utf8');
  return createClient(JSON.parse(text) as { readonly url: string; readonly token: string });
}
