// What docs/adr/0010-the-lease-saves-work.md weighs, measured on an embedded PostgreSQL: how leadership is held, and how a
// pool is locked. Run: npx tsx bench/leader-lock.ts
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { createKit } from '../src/base/kit.ts';
import { createLog } from '../src/base/log.ts';
import { startEmbeddedPostgres } from '../src/embedded/server.ts';

const CHURN_SECONDS = Number(process.env['CHURN_SECONDS'] ?? 40);
const WINDOW_SECONDS = 5;
const ADVISORY = 4711;

const kit = createKit(createLog('warn'));
const folder = await mkdtemp(path.join(tmpdir(), 'standby-bench-'));
await chmod(folder, 0o711);
const server = await startEmbeddedPostgres(kit, {
  dataDir: path.join(folder, 'data'),
  settings: {
    autovacuum_naptime: '1s',
    autovacuum_vacuum_cost_delay: '0',
    // The disk's speed is not the question here.
    synchronous_commit: 'off',
  },
});
const { connection } = server;

try {
  for (const holder of [
    'nobody',
    'lease row',
    'advisory lock in a read-only transaction',
  ] as const) {
    await measureHolder(holder);
  }
  await measurePausedHolder();
  for (const how of ['lock, then read', 'lock and read in one statement'] as const) {
    await measurePoolLock(how);
  }
} finally {
  await server.stop();
  await rm(folder, { recursive: true });
}

/** A full-speed queue while somebody leads: jobs per second at the start and the end, and dead rows. */
async function measureHolder(holder: string): Promise<void> {
  const admin = await connect();
  await admin.query(`
    drop table if exists bench_jobs;
    create table bench_jobs (id bigserial primary key, state text not null default 'pending');
    create index on bench_jobs (id) where state = 'pending';
    drop table if exists bench_leases;
    create table bench_leases (name text primary key, epoch bigint, expires_at timestamptz)`);
  const lead = await holdLeadership(holder);
  const startedMs = kit.clock.monotonicMs();
  const perSecond: number[] = [];
  const elapsed = (): number => (kit.clock.monotonicMs() - startedMs) / 1_000;
  const worker = async (): Promise<void> => {
    const client = await connect();
    while (elapsed() < CHURN_SECONDS) {
      await client.query('insert into bench_jobs default values');
      await client.query(
        `with next as materialized (
           select id from bench_jobs where state = 'pending' order by id limit 1
           for update skip locked)
         update bench_jobs set state = 'running' from next where bench_jobs.id = next.id`,
      );
      await client.query(
        `delete from bench_jobs where id = (
           select id from bench_jobs where state = 'running' order by id limit 1
           for update skip locked)`,
      );
      const second = Math.floor(elapsed());
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    await client.end();
  };
  await Promise.all([worker(), worker()]);
  const notes: string[] = [];
  admin.on('notice', (notice) => notes.push(notice.message ?? ''));
  await admin.query('vacuum (verbose) bench_jobs');
  const kept = /(\d+) are dead but not yet removable/.exec(notes.join('\n'))?.[1] ?? '?';
  const rate = (seconds: readonly number[]): number =>
    Math.round(seconds.reduce((sum, n) => sum + n, 0) / seconds.length);
  report(`leader: ${holder}`, {
    first: `${rate(perSecond.slice(0, WINDOW_SECONDS))} jobs/s`,
    last: `${rate(perSecond.slice(CHURN_SECONDS - WINDOW_SECONDS, CHURN_SECONDS))} jobs/s`,
    'dead rows vacuum had to keep': kept,
  });
  await lead();
  await admin.end();
}

async function holdLeadership(holder: string): Promise<() => Promise<void>> {
  if (holder === 'nobody') return () => Promise.resolve();
  const client = await connect();
  if (holder === 'lease row') {
    const stop = new AbortController();
    const renewing = (async () => {
      while (!stop.signal.aborted) {
        await client.query(
          `insert into bench_leases values ('l', 1, clock_timestamp() + interval '15 s')
           on conflict (name) do update set expires_at = excluded.expires_at`,
        );
        await kit.clock.sleep(5_000, stop.signal).catch(() => undefined);
      }
    })();
    return async () => {
      stop.abort();
      await renewing;
      await client.end();
    };
  }
  await client.query('begin isolation level repeatable read read only');
  await client.query('select pg_try_advisory_xact_lock($1)', [ADVISORY]);
  return async () => {
    await client.query('commit');
    await client.end();
  };
}

/** How long the advisory lock of a stopped process stays held, and that of a killed one. */
async function measurePausedHolder(): Promise<void> {
  const program = `
    const pg = require(${JSON.stringify(createRequire(import.meta.url).resolve('pg'))});
    const client = new pg.Client(${JSON.stringify(connection)});
    client.connect()
      .then(() => client.query('select pg_advisory_lock(${ADVISORY})'))
      .then(() => process.stdout.write('held'));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const admin = await connect();
  const isFree = async (): Promise<boolean> => {
    const { rows } = await admin.query<{ got: boolean }>(
      `select pg_try_advisory_lock(${ADVISORY}) as got`,
    );
    return rows[0]?.got === true;
  };
  child.kill('SIGSTOP');
  await kit.clock.sleep(20_000);
  const freeWhilePaused = await isFree();
  const killedMs = kit.clock.monotonicMs();
  child.kill('SIGKILL');
  while (!(await isFree())) await kit.clock.sleep(1);
  report('advisory lock', {
    'free 20 s after SIGSTOP': freeWhilePaused,
    'free after SIGKILL': `${Math.round(kit.clock.monotonicMs() - killedMs)} ms`,
  });
  await admin.end();
}

/** Three replicas fill one pool of five, once each; how many are there then. */
async function measurePoolLock(how: string): Promise<void> {
  const admin = await connect();
  await admin.query(`
    drop table if exists bench_members, bench_pools;
    create table bench_pools (id integer primary key);
    create table bench_members (pool_id integer);
    insert into bench_pools values (1)`);
  const replicas = await Promise.all([connect(), connect(), connect()]);
  const found = new Map<number, number>();
  for (let round = 0; round < 200; round++) {
    await admin.query('truncate bench_members');
    await Promise.all(replicas.map((client) => fill(client, how)));
    const { rows } = await admin.query<{ live: number }>(
      'select count(*)::int as live from bench_members',
    );
    const live = rows[0]?.live ?? -1;
    found.set(live, (found.get(live) ?? 0) + 1);
  }
  const rounds = [...found].sort(([a], [b]) => a - b).map(([live, n]) => `${live} live in ${n}`);
  report(`pool of 5, 3 replicas, 200 rounds: ${how}`, { rounds: rounds.join(', ') });
  await Promise.all([...replicas, admin].map((client) => client.end()));
}

async function fill(client: pg.Client, how: string): Promise<void> {
  await client.query('begin');
  if (how === 'lock, then read') {
    await client.query('select from bench_pools where id = 1 for no key update');
  }
  const lock = how === 'lock, then read' ? '' : 'for no key update of p';
  const { rows } = await client.query<{ live: number }>(
    `select (select count(*)::int from bench_members m where m.pool_id = p.id) as live
     from bench_pools p where p.id = 1 ${lock}`,
  );
  await client.query('insert into bench_members select 1 from generate_series(1, $1)', [
    Math.max(5 - (rows[0]?.live ?? 5), 0),
  ]);
  await client.query('commit');
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(connection);
  await client.connect();
  return client;
}

function report(what: string, figures: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`);
}
