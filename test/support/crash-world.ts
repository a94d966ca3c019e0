// A control plane and daemons as processes of their own on a database of their own, whose template
// makes objects in a folder, the world. Each process can be made to fail at a failpoint.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createKit, type Kit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import type { WorkspaceId } from '../../src/base/id.ts';
import type { ProcessIdentity } from '../../src/base/process-identity.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { promoteVersion } from '../../src/client/promote-version.ts';
import { pushTemplate } from '../../src/client/push-template.ts';
import { unpackState } from '../../src/jobs/state/packed-state.ts';
import { openKeyring } from '../../src/keys/keyring.ts';
import { ATTEMPT_MARK } from '../../src/provisioner/driver.ts';
import { STATE_FILE } from '../../src/provisioner/held-state.ts';
import { findMarked, signalProcess } from '../../src/provisioner/marked-process.ts';
import { createDatabase, type Database } from '../../src/store/database.ts';
import { freePort } from './free-port.ts';
import { ask, createTestDatabase } from './postgres.ts';
import { startProgram, type Program } from './program.ts';
import { archiveOf } from './pushed-template.ts';
import { entry } from './tar-bytes.ts';

/** `other` is a second daemon, with a data folder of its own. */
export type Side = 'server' | 'daemon' | 'other';

export interface CrashWorld extends AsyncDisposable {
  readonly client: Client;
  /** Ends the process where it runs, starts it with these failpoints, and waits until it works. */
  restart(side: Side, failpoints?: string): Promise<Program>;
  kill(side: Side): Promise<void>;
  program(side: Side): Program;
  /** Pushes a version whose pool wants `instances`; gives its name once it is imported. */
  push(instances: number): Promise<string>;
  promote(version: string): Promise<void>;
  /** The ids of the objects that exist. */
  objects(): Promise<readonly string[]>;
  /** How many files and folders the objects are. */
  size(): Promise<number>;
  /** The stored states: the current one of each workspace, and strays that are not destroyed yet. */
  stored(): Promise<readonly string[]>;
  /** The states that lie in the folders of the daemon's attempts, as its tool wrote them. */
  written(): Promise<readonly string[]>;
  /** Values of the first column that a statement gives. */
  sql(text: string): Promise<readonly unknown[]>;
  /** Processes that work for attempts of the daemons. */
  tools(): readonly ProcessIdentity[];
  /** What daemons keep of attempts that no control plane took. */
  unplaced(): Promise<readonly string[]>;
}

export interface CrashWorldOptions {
  /** What the template makes; WORLD stands for the folder of the objects. */
  readonly module?: string;
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

type Place = (...names: readonly string[]) => string;

/** How each is started. */
const ARGUMENTS: Readonly<Record<Side, (at: Place, url: string) => readonly string[]>> = {
  server: (at, url) => ['server', '--http-port', new URL(url).port, '--data-dir', at('standby')],
  daemon: (at, url) => ['provisioner', '--url', url, ...TERRAFORM, '--data-dir', at('standby')],
  other: (at, url) => [
    ...['provisioner', '--url', url, ...TERRAFORM, '--data-dir', at('other')],
    ...['--key-file', at('standby/provisioner.key')],
  ],
};
const TERRAFORM = ['--drivers', 'terraform'];

export async function createCrashWorld({
  module = QUICK_MODULE,
}: CrashWorldOptions = {}): Promise<CrashWorld> {
  const kit: Kit = createKit(silentLog);
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-crash-'));
  const at: Place = (...names) => path.join(scratch, ...names);
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
    const program = startProgram(ARGUMENTS[side](at, url), { environment });
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
  const tools = (): readonly ProcessIdentity[] =>
    [...findMarked(ATTEMPT_MARK, isOurs).outside.values()].flat();

  await restart('server');

  return {
    client: await connected(),
    restart,
    kill: async (side) => {
      await programs.get(side)?.end('SIGKILL');
    },
    program: (side) => {
      const program = programs.get(side);
      if (program === undefined) throw new Error(`${side} was never started`);
      return program;
    },
    push: async (instances) => {
      const main = entry('main.tf', module.replaceAll('WORLD', at('objects')));
      const archive = archiveOf(manifest(instances), main);
      const asked = { organization: 'default', template: 'world', archive };
      const signal = AbortSignal.timeout(60_000);
      const pushed = await pushTemplate({ client: await connected(), ...kit }, asked, {
        signal,
      });
      return pushed.name;
    },
    promote: async (version) => {
      const promoted = { organization: 'default', template: 'world', version };
      const options = { signal: AbortSignal.timeout(5_000) };
      await promoteVersion({ ...kit, client: await connected() }, promoted, options);
    },
    objects: async () => (await readdir(at('objects'))).sort(),
    size: async () => (await readdir(at('objects'), { recursive: true })).length,
    written: async () => {
      const work = at('standby/provisioner/work');
      const files = (await readdir(work)).map((attempt) => path.join(work, attempt, STATE_FILE));
      return Promise.all(files.filter(existsSync).map((file) => readFile(file, 'utf8')));
    },
    stored: async () => {
      const secretKey = Buffer.from(await readFile(at('standby/secret.key'), 'utf8'), 'hex');
      database ??= createDatabase(kit, {
        connection: testDatabase.connection,
        maxConnections: 2,
        applicationName: 'test',
      });
      const keyring = await openKeyring({ ...kit, database, secretKey });
      const rows = await ask(testDatabase.connection, NAMED);
      return Promise.all(
        (rows as readonly StoredState[]).map((row) => {
          const sealed = { keyId: row.keyId as never, sealed: Buffer.from(row.sealed, 'hex') };
          const place = { workspaceId: row.workspaceId as WorkspaceId, lockNumber: row.lockNumber };
          return unpackState(keyring, place, sealed);
        }),
      );
    },
    sql: (text) => ask(testDatabase.connection, text),
    tools,
    unplaced: async () => {
      const folders = ['standby', 'other'].map((name) => at(name, 'provisioner/unplaced-states'));
      return (await Promise.all(folders.filter(existsSync).map((one) => readdir(one)))).flat();
    },
    [Symbol.asyncDispose]: async () => {
      for (const program of programs.values()) await program.end('SIGKILL');
      for (const tool of tools()) signalProcess(tool, 'SIGKILL');
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

/**
 * An object is named by the id of a resource, which only Terraform's state knows; another resource
 * makes it. What makes a thing and was interrupted is tainted, and Terraform destroys such a one
 * without asking its provisioners.
 */
const moduleOf = (count: number, commands: Readonly<Record<'make' | 'remove', string>>) => `
variable "standby_owner" {
  type = string
}

resource "terraform_data" "object" {
  count = ${count}
  input = { folder = "WORLD" }

  provisioner "local-exec" {
    when    = destroy
    command = "${commands.remove.replaceAll('OBJECT', `\${self.output.folder}/\${self.id}`)}"
  }
}

resource "terraform_data" "making" {
  count = ${count}
  input = { id = terraform_data.object[count.index].id, owner = var.standby_owner }

  provisioner "local-exec" {
    command = "${commands.make.replaceAll('OBJECT', `WORLD/\${self.input.id}`)}"
  }
}
`;

/** Its objects come one by one. */
const QUICK_MODULE = moduleOf(3, {
  make: `sleep 0.\${2 + 3 * count.index}; touch 'OBJECT'`,
  remove: `rm -f 'OBJECT'`,
});

/** An object is a folder that gets a file half a second later; one more begins every second. */
export const SLOW_MODULE = moduleOf(4, {
  make: `sleep \${count.index}; mkdir 'OBJECT'; sleep 0.5; touch 'OBJECT/file'`,
  remove: `sleep \${count.index}; rm -rf 'OBJECT'`,
});
export const SLOW_MODULE_SIZE = 8;
