// A job that prints 20 MB a second, far past the cap of its log, through the product's own daemon and
// control plane in processes of their own: the memory of both, and the longest time between two
// heartbeats of the job as the database saw them.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type pg from 'pg';
import { packFolder } from '../src/archive/pack-folder.ts';
import { createClient, type Client } from '../src/client/client.ts';
import { followJobLog } from '../src/client/job-log.ts';
import { templateRoutes } from '../src/contract/template/route.ts';
import type { ConnectionParts } from '../src/store/database.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { renderTable } from './support/figures.ts';
import { residentMiB } from './support/machine.ts';
import { connect, startPostgres, tellPostgres, urlOf } from './support/postgres.ts';

const SECONDS = 30;
const HEARTBEAT_SECONDS = 2;

type Child = ChildProcessByStdio<null, Readable, null>;

export const bench = defineBench({
  name: 'log-flood',
  summary: `a job that prints 20 MB/s past the cap of its log for ${SECONDS} s: memory and heartbeats`,
  run: async (stage) => {
    const connection = await startPostgres(stage);
    await tellPostgres(stage, connection);
    const folder = await mkdtemp(path.join(tmpdir(), 'standby-bench-'));
    stage.onEnd(() => rm(folder, { recursive: true }));
    const server = start(stage, ['bin/standby', 'server'], serverSettings(folder, connection));
    const url = await said(server, /serves at (\S+)/);
    const { token, key } = await readSecrets(path.join(folder, 'server'));
    const daemon = start(stage, [
      ...[process.execPath, ...process.execArgv, 'bench/log-flood/daemon.ts'],
      ...[path.join(folder, 'daemon'), url, key, String(SECONDS)],
    ]);
    const printed = said(daemon, /printed (\d+ MB)/);

    const client = createClient({ url, token });
    const job = await pushFlood(client, folder);
    const followed = follow(stage, client, job);
    const over = new AbortController();
    const gap = watchHeartbeats(
      stage,
      { job, database: await watcher(stage, connection) },
      over.signal,
    );
    const memory = sampleMemory(stage, { server, daemon }, over.signal);
    const { lines, truncated, status } = await followed;
    over.abort();
    const { server: ofServer, daemon: ofDaemon } = await memory;
    stage.print();
    stage.print(
      renderTable([
        ['printed by the job', await printed],
        ['lines a follower got', `${lines}${truncated ? ', then the mark of truncation' : ''}`],
        ['status of the job', status],
        ['memory of the daemon', describe(ofDaemon)],
        ['memory of the server', describe(ofServer)],
        [
          'longest time between heartbeats',
          `${await gap} ms, of ${HEARTBEAT_SECONDS * 1_000} ms asked for`,
        ],
      ]),
    );
  },
});

function serverSettings(folder: string, connection: ConnectionParts): Record<string, string> {
  return {
    STANDBY_DATABASE_URL: urlOf(connection),
    STANDBY_DATA_DIR: path.join(folder, 'server'),
    STANDBY_HTTP_PORT: '0',
    STANDBY_LOG_LEVEL: 'error',
    STANDBY_HEARTBEAT_INTERVAL: `${HEARTBEAT_SECONDS}s`,
  };
}

async function readSecrets(
  dataDir: string,
): Promise<{ readonly token: string; readonly key: string }> {
  const read = (name: string): Promise<string> => readFile(path.join(dataDir, name), 'utf8');
  const { token } = JSON.parse(await read('credentials.json')) as { readonly token: string };
  return { token, key: (await read('provisioner.key')).trim() };
}

/** Gives the import's job, which is the one that floods. */
async function pushFlood(client: Client, folder: string): Promise<string> {
  const template = path.join(folder, 'template');
  await mkdir(template);
  await writeFile(path.join(template, 'standby.yaml'), "name: flood\ndriver: 'null'\n");
  const { bytes } = await packFolder(template);
  const { body } = await client.call(templateRoutes.pushVersion, {
    params: { organization: 'default', template: 'flood' },
    query: {},
    body: bytes,
  });
  return body.import_job.id;
}

async function follow(
  { kit, signal }: Stage,
  client: Client,
  job: string,
): Promise<{ readonly lines: number; readonly truncated: boolean; readonly status: string }> {
  let lines = 0;
  for await (const { event, data } of followJobLog({ ...kit, client }, job, { signal })) {
    if (event === 'end') return { lines, ...data };
    lines += 1;
  }
  throw new Error('the log ended without an end');
}

async function watcher(stage: Stage, connection: ConnectionParts): Promise<pg.Client> {
  const database = await connect(connection);
  stage.onEnd(() => database.end());
  return database;
}

/** The longest age of the job's newest heartbeat, looked at 50 times a second until `over`. */
async function watchHeartbeats(
  { kit }: Stage,
  { job, database }: { readonly job: string; readonly database: pg.Client },
  over: AbortSignal,
): Promise<number> {
  let longest = 0;
  while (!over.aborted) {
    const { rows } = await database.query<{ readonly age: string }>(
      `select extract(epoch from clock_timestamp() - heartbeat_at) * 1000 as age
       from jobs where id = $1 and status = 'running'`,
      [job],
    );
    longest = Math.max(longest, ...rows.map(({ age }) => Math.round(Number(age))));
    await kit.clock.sleep(20);
  }
  return longest;
}

type Memory<T> = Readonly<Record<'server' | 'daemon', T>>;

/** In MiB, once a second until `over`. */
async function sampleMemory(
  { kit }: Stage,
  of: Memory<Child>,
  over: AbortSignal,
): Promise<Memory<readonly number[]>> {
  const samples = { server: [] as number[], daemon: [] as number[] };
  while (!over.aborted) {
    for (const name of ['server', 'daemon'] as const) {
      samples[name].push(await residentMiB(of[name].pid ?? 0));
    }
    await kit.clock.sleep(1_000, over).catch(() => undefined); // the last one
  }
  return samples;
}

function describe(samples: readonly number[]): string {
  const half = samples.slice(Math.floor(samples.length / 2));
  return `${samples[0]} MiB at first, ${Math.max(...samples)} MiB at most, ${half[0]} MiB halfway, ${samples.at(-1)} MiB at last`;
}

function start(
  stage: Stage,
  [program = '', ...argv]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Child {
  const child = spawn(program, argv, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  stage.onEnd(async () => {
    const exited = once(child, 'exit');
    if (child.kill('SIGTERM')) await exited;
  });
  return child;
}

/** What the child says, once it says so. */
async function said(child: Child, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    const found = pattern.exec(text)?.[1];
    if (found !== undefined) {
      child.stdout.resume();
      return found;
    }
  }
  throw new Error(`a program ended without saying ${pattern.source}: ${text}`);
}
