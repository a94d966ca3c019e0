// A job that prints 20 MB a second, far past the cap of its log, through the product's own daemon and
// control plane in processes of their own: `npx tsx bench/log-flood.ts [seconds]`. Prints the memory of
// both, and the longest time between two heartbeats of the job as the database saw them.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import pg from 'pg';
import { packFolder } from '../src/archive/pack-folder.ts';
import { createKit } from '../src/base/kit.ts';
import { createLog } from '../src/base/log.ts';
import { createClient } from '../src/client/client.ts';
import { followJobLog } from '../src/client/job-log.ts';
import { templateRoutes } from '../src/contract/template/route.ts';
import { startEmbeddedPostgres } from '../src/embedded/server.ts';

const SECONDS = Number(process.argv[2] ?? 30);
const HEARTBEAT_SECONDS = 2;

type Child = ChildProcessByStdio<null, Readable, null>;

const kit = createKit(createLog('warn'));
const folder = await mkdtemp(path.join(tmpdir(), 'standby-bench-'));
await chmod(folder, 0o711);
const postgres = await startEmbeddedPostgres(kit, { dataDir: path.join(folder, 'data') });
const children: Child[] = [];
try {
  await measure();
} finally {
  for (const child of children) {
    const exited = once(child, 'exit');
    if (child.kill('SIGTERM')) await exited;
  }
  await postgres.stop();
  await rm(folder, { recursive: true });
}

async function measure(): Promise<void> {
  const { host, port, user, password, database } = postgres.connection;
  const server = start('bin/standby', ['server'], {
    STANDBY_DATABASE_URL: `postgresql://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    STANDBY_DATA_DIR: path.join(folder, 'server'),
    STANDBY_HTTP_PORT: '0',
    STANDBY_LOG_LEVEL: 'error',
    STANDBY_HEARTBEAT_INTERVAL: `${HEARTBEAT_SECONDS}s`,
  });
  const url = await said(server, /serves at (\S+)/);
  const read = (name: string): Promise<string> =>
    readFile(path.join(folder, 'server', name), 'utf8');
  const { token } = JSON.parse(await read('credentials.json')) as { token: string };
  const key = (await read('provisioner.key')).trim();
  const daemon = start(
    process.execPath,
    [
      '--import',
      'tsx',
      'bench/log-flood/daemon.ts',
      path.join(folder, 'daemon'),
      url,
      key,
      String(SECONDS),
    ],
    {},
  );
  const printed = said(daemon, /printed (\d+ MB)/);

  const client = createClient({ url, token });
  const { bytes } = await packFolder(await writeTemplate());
  const { body } = await client.call(templateRoutes.pushVersion, {
    params: { organization: 'default', template: 'flood' },
    query: {},
    body: bytes,
  });
  const job = body.import_job.id;
  const followed = follow(client, job);
  const memory = { server: [] as number[], daemon: [] as number[] };
  const over = new AbortController();
  const gap = watchHeartbeats(job, over.signal);
  const sampled = sampleMemory(memory, { server, daemon }, over.signal);
  const { lines, truncated, status } = await followed;
  over.abort();
  await sampled;
  const longestMs = await gap;
  print('printed by the job', await printed);
  print('lines a follower got', `${lines}${truncated ? ', then the mark of truncation' : ''}`);
  print('status of the job', status);
  print('memory of the daemon', describe(memory.daemon));
  print('memory of the server', describe(memory.server));
  print(
    'longest time between heartbeats',
    `${longestMs} ms, of ${HEARTBEAT_SECONDS * 1_000} ms asked for`,
  );
}

async function writeTemplate(): Promise<string> {
  const template = path.join(folder, 'template');
  await mkdir(template);
  await writeFile(path.join(template, 'standby.yaml'), "name: flood\ndriver: 'null'\n");
  return template;
}

async function follow(
  client: ReturnType<typeof createClient>,
  job: string,
): Promise<{ readonly lines: number; readonly truncated: boolean; readonly status: string }> {
  let lines = 0;
  const { signal } = new AbortController();
  for await (const { event, data } of followJobLog({ ...kit, client }, job, { signal })) {
    if (event === 'end') return { lines, ...data };
    lines += 1;
  }
  throw new Error('the log ended without an end');
}

/** The longest age of the job's newest heartbeat, looked at 50 times a second while it runs. */
async function watchHeartbeats(job: string, signal: AbortSignal): Promise<number> {
  const client = new pg.Client(postgres.connection);
  await client.connect();
  let longest = 0;
  while (!signal.aborted) {
    const { rows } = await client.query<{ age: string }>(
      `select extract(epoch from clock_timestamp() - heartbeat_at) * 1000 as age
       from jobs where id = $1 and status = 'running'`,
      [job],
    );
    longest = Math.max(longest, ...rows.map(({ age }) => Math.round(Number(age))));
    await kit.clock.sleep(20);
  }
  await client.end();
  return longest;
}

async function sampleMemory(
  into: Readonly<Record<'server' | 'daemon', number[]>>,
  of: Readonly<Record<'server' | 'daemon', Child>>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const name of ['server', 'daemon'] as const) {
      into[name].push(await residentMiB(of[name].pid ?? 0));
    }
    await kit.clock.sleep(1_000, signal).catch(() => undefined); // the last one
  }
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

function describe(samples: readonly number[]): string {
  const half = samples.slice(Math.floor(samples.length / 2));
  return `${samples[0]} MiB at first, ${Math.max(...samples)} MiB at most, ${half[0]} MiB halfway, ${samples.at(-1)} MiB at last`;
}

function start(
  program: string,
  argv: readonly string[],
  environment: Record<string, string>,
): Child {
  const child = spawn(program, argv, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  children.push(child);
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

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(34)} ${value}\n`);
}
