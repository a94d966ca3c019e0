// Control planes and daemons of the null driver as processes of their own, on one database, with a
// relay between them: any of them can be ended and started again.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createClient, type Client, type ClientOptions } from '../../src/client/client.ts';
import { promoteVersion } from '../../src/client/promote-version.ts';
import { pushTemplate } from '../../src/client/push-template.ts';
import { TIMES } from './crash-world.ts';
import type { ConnectionParts } from '../../src/store/database.ts';
import { freePort } from './free-port.ts';
import { urlOf } from './postgres.ts';
import { startProgram, type Program } from './program.ts';
import { archiveOf } from './pushed-template.ts';
import { startRelay, type RelayOptions } from './relay.ts';
import { openTestStore, TEST_SECRET_KEY, type TestStore } from './store.ts';

export interface Fleet extends AsyncDisposable {
  /** Of an administrator, by the relay. */
  readonly client: Client;
  /** The administrator's. */
  readonly token: string;
  readonly store: TestStore;
  /** In the order in which they were started. */
  readonly daemons: readonly Program[];
  /** A control plane as it runs, or ran. */
  plane(plane: number): Program;
  /** Ends that control plane, if it runs, and starts it again where it was. */
  restart(plane: number, signal: NodeJS.Signals): Promise<void>;
  startDaemon(): Promise<void>;
  /** Ends that daemon, if it runs, and starts it again with the folder it had. */
  restartDaemon(daemon: number, signal: NodeJS.Signals): Promise<void>;
  /** Of one control plane, without the relay. */
  clientOf(plane: number, options: Omit<ClientOptions, 'url'>): Client;
  urlOf(plane: number): string;
  /** A version of a template, promoted: its pool holds `instances`, each made in `startMs`. */
  push(name: string, pool: PushedPool): Promise<void>;
}

export interface PushedPool {
  readonly instances: number;
  readonly startMs: number;
  /** `apply` unless given. */
  readonly claim?: 'apply' | 'instant';
  /** Who has to run it is up to the test. */
  readonly agent?: string;
}

export interface FleetOptions {
  readonly planes: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly loses?: NonNullable<RelayOptions['loses']>;
  /** Where its database is made; on the run's server unless given. */
  readonly server?: ConnectionParts;
}

export async function createFleet({
  planes: count,
  environment: given = {},
  server,
  ...lost
}: FleetOptions): Promise<Fleet> {
  const kit = createKit(silentLog);
  const store = await openTestStore(silentLog, server);
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-fleet-'));
  const at = (...names: readonly string[]): string => path.join(scratch, ...names);
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const relay = await startRelay({ ...lost, ports: () => ports });
  const planes: Program[] = [];
  const daemons: Program[] = [];
  const environment = {
    ...TIMES,
    STANDBY_DATABASE_URL: urlOf(store.connection),
    STANDBY_SECRET_KEY_FILE: at('secret.key'),
    STANDBY_LOG_LEVEL: 'info',
    ...given,
  };
  await writeFile(at('secret.key'), TEST_SECRET_KEY.toString('hex'), { mode: 0o600 });

  const addressOf = (plane: number): string => `http://127.0.0.1:${ports[plane]}`;
  const restart = async (plane: number, signal: NodeJS.Signals): Promise<void> => {
    await planes[plane]?.end(signal);
    const address = ['--http-port', String(ports[plane]), '--data-dir', at(`plane-${plane}`)];
    const program = startProgram(['server', ...address], { environment });
    planes[plane] = program;
    await program.until('Standby serves at');
  };
  const restartDaemon = async (daemon: number, signal: NodeJS.Signals): Promise<void> => {
    await daemons[daemon]?.end(signal);
    const folder = ['--data-dir', at(`daemon-${daemon}`)];
    const key = ['--key-file', at('plane-0/provisioner.key')];
    const program = startProgram(
      ['provisioner', '--url', relay.url, '--drivers', 'null', ...folder, ...key],
      { environment },
    );
    daemons[daemon] = program;
    await program.until('The daemon works for');
  };
  // The first one makes the administrator, and the key for daemons.
  for (const plane of ports.keys()) await restart(plane, 'SIGTERM');
  const credentials = await readFile(at('plane-0/credentials.json'), 'utf8');
  const { token } = JSON.parse(credentials) as { readonly token: string };
  const client = createClient({ url: relay.url, token });

  return {
    client,
    token,
    store,
    daemons,
    plane: (plane) => {
      const program = planes[plane];
      if (program === undefined) throw new Error(`there is no control plane ${plane}`);
      return program;
    },
    restart,
    startDaemon: () => restartDaemon(daemons.length, 'SIGTERM'),
    restartDaemon,
    clientOf: (plane, options) => createClient({ ...options, url: addressOf(plane) }),
    urlOf: addressOf,
    push: async (name, pool) => {
      const archive = archiveOf(manifest(name, pool));
      const asked = { organization: 'default', template: name, archive };
      const signal = AbortSignal.timeout(60_000);
      const { name: version } = await pushTemplate({ client, ...kit }, asked, { signal });
      const promoted = { organization: 'default', template: name, version };
      await promoteVersion({ client, ...kit }, promoted, { signal });
    },
    [Symbol.asyncDispose]: async () => {
      for (const program of [...daemons, ...planes]) await program.end('SIGKILL');
      await relay[Symbol.asyncDispose]();
      await store.close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

const manifest = (
  name: string,
  { instances, startMs, claim = 'apply', agent }: PushedPool,
): string => `
name: ${name}
driver: "null"
"null": {start: ${startMs}ms}
claim: ${claim}
presets:
  - name: default
    default: true
    parameters: {}
    prebuilds: {instances: ${instances}}
agents: ${agent === undefined ? '[]' : `[{name: ${agent}}]`}
`;
