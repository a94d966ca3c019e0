// A control plane and a daemon as processes of their own on a database of their own, whose template
// makes objects in a folder, the world. Either process can be made to fail at a failpoint.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createKit, type Kit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import type { WorkspaceId } from '../../src/base/id.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { promoteVersion, pushTemplate } from '../../src/client/push-template.ts';
import { unpackState } from '../../src/jobs/state/packed-state.ts';
import { openKeyring } from '../../src/keys/keyring.ts';
import { ATTEMPT_MARK } from '../../src/provisioner/driver.ts';
import { findMarked } from '../../src/provisioner/marked-process.ts';
import { createDatabase, type Database } from '../../src/store/database.ts';
import { ask, createTestDatabase } from './postgres.ts';
import { startProgram, type Program } from './program.ts';
import { archiveOf } from './pushed-template.ts';
import { entry } from './tar-bytes.ts';

export type Side = 'server' | 'daemon';

export interface CrashWorld extends AsyncDisposable {
  readonly client: Client;
  /** Ends the process where it runs, starts it with these failpoints, and waits until it works. */
  restart(side: Side, failpoints?: string): Promise<Program>;
  kill(side: Side): Promise<void>;
  /** Pushes a version whose pool wants `instances`; gives its name once it is imported. */
  push(instances: number): Promise<string>;
  promote(version: string): Promise<void>;
  /** The ids of the objects that exist. */
  objects(): Promise<readonly string[]>;
  /** The ids that stored states name: current ones, and strays that are not destroyed yet. */
  named(): Promise<ReadonlySet<string>>;
  /** Values of the first column that a statement gives. */
  sql(text: string): Promise<readonly unknown[]>;
  /** Processes that work for attempts of the daemon. */
  tools(): readonly number[];
}

/** A hundredth of what they are in production, or as short as processes can be started. */
export const TIMES = {
  STANDBY_HEARTBEAT_INTERVAL: '200ms',
  STANDBY_JOB_DEAD_AFTER: '2s',
  STANDBY_SWEEP_INTERVAL: '300ms',
  STANDBY_POLL_INTERVAL: '300ms',
  STANDBY_LEASE_TTL: '1s',
  STANDBY_PREBUILDS_RECONCILIATION_INTERVAL: '1s',
  STANDBY_PREBUILDS_RECONCILIATION_BACKOFF_INTERVAL: '100ms',
  // Evidence of failed builds is no part of this.
  STANDBY_PREBUILDS_FAILED_RETENTION: '1ms',
};

export async function createCrashWorld(): Promise<CrashWorld> {
  const kit: Kit = createKit(silentLog);
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-crash-'));
  const at = (name: string): string => path.join(scratch, name);
  await mkdir(at('objects'));
  const testDatabase = await createTestDatabase({ schema: 'empty' });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const programs = new Map<Side, Program>();
  let client: Client | undefined;
  let database: Database | undefined;

  const restart = async (side: Side, failpoints?: string): Promise<Program> => {
    await programs.get(side)?.end('SIGTERM');
    const environment = {
      ...TIMES,
      STANDBY_DATABASE_URL: testDatabase.url,
      STANDBY_LOG_LEVEL: 'info',
      ...(failpoints === undefined ? {} : { STANDBY_FAILPOINTS: failpoints }),
    };
    const argv =
      side === 'server'
        ? ['server', '--http-port', String(port), '--data-dir', at('standby')]
        : ['provisioner', '--url', url, '--drivers', 'terraform', '--data-dir', at('standby')];
    const program = startProgram(argv, { environment });
    programs.set(side, program);
    await program.until(side === 'server' ? 'Standby serves at' : 'The daemon works for');
    return program;
  };
  const connected = async (): Promise<Client> => {
    const text = await readFile(at('standby/credentials.json'), 'utf8');
    client ??= createClient({ url, token: (JSON.parse(text) as { token: string }).token });
    return client;
  };
  const isOurs = (folder: string): boolean => folder.startsWith(scratch);
  const tools = (): readonly number[] =>
    [...findMarked(ATTEMPT_MARK, isOurs).values()].flat().map(({ pid }) => pid);

  await restart('server');

  return {
    client: await connected(),
    restart,
    kill: async (side) => {
      await programs.get(side)?.end('SIGKILL');
    },
    push: async (instances) => {
      const module = entry('main.tf', MODULE.replaceAll('WORLD', at('objects')));
      const archive = archiveOf(manifest(instances), module);
      const asked = { organization: 'default', template: 'world', archive };
      const signal = AbortSignal.timeout(60_000);
      const pushed = await pushTemplate({ client: await connected(), ...kit }, asked, {
        signal,
      });
      return pushed.name;
    },
    promote: async (version) => {
      const promoted = { organization: 'default', template: 'world', version };
      await promoteVersion(await connected(), promoted, AbortSignal.timeout(5_000));
    },
    objects: async () => (await readdir(at('objects'))).sort(),
    named: async () => {
      const secretKey = Buffer.from(await readFile(at('standby/secret.key'), 'utf8'), 'hex');
      database ??= createDatabase(kit, {
        connection: testDatabase.connection,
        maxConnections: 2,
        applicationName: 'test',
      });
      const keyring = await openKeyring({ ...kit, database, secretKey });
      const rows = await ask(testDatabase.connection, NAMED);
      const ids = new Set<string>();
      for (const row of rows as readonly StoredState[]) {
        const sealed = { keyId: row.keyId as never, sealed: Buffer.from(row.sealed, 'hex') };
        const place = { workspaceId: row.workspaceId as WorkspaceId, lockNumber: row.lockNumber };
        const state = await unpackState(keyring, place, sealed);
        for (const [id] of state.matchAll(UUID)) ids.add(id);
      }
      return ids;
    },
    sql: (text) => ask(testDatabase.connection, text),
    tools,
    [Symbol.asyncDispose]: async () => {
      for (const program of programs.values()) await program.end('SIGKILL');
      for (const pid of tools()) process.kill(pid, 'SIGKILL');
      await database?.close();
      await testDatabase.close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

interface StoredState {
  readonly workspaceId: string;
  readonly lockNumber: number;
  readonly keyId: string;
  readonly sealed: string;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

const NAMED = `
  select jsonb_build_object(
    'workspaceId', workspace_id, 'lockNumber', lock_number, 'keyId', key_id,
    'sealed', encode(sealed, 'hex'))
  from (
    (select distinct on (workspace_id) workspace_id, lock_number, key_id, sealed
     from workspace_states
     order by workspace_id, number desc)
    union all
    (select workspace_id, lock_number, key_id, sealed from stray_states where destroyed_at is null)
  ) as kept`;

const manifest = (instances: number): string => `
name: world
driver: terraform
claim: apply
presets:
  - name: default
    default: true
    parameters: {}
    prebuilds: {instances: ${instances}}
`;

// An object is named by its resource's id, which only Terraform's state knows. They come one by one.
const MODULE = `
variable "standby_owner" {
  type = string
}

resource "terraform_data" "object" {
  count = 3
  input = { owner = var.standby_owner, folder = "WORLD" }

  provisioner "local-exec" {
    command = "sleep 0.\${2 + 3 * count.index}; touch 'WORLD/\${self.id}'"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "rm -f '\${self.output.folder}/\${self.id}'"
  }
}
`;

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
