// A full-speed queue while somebody leads: how its rate changes, and which dead rows have to be kept.
import type { Clock } from '../../src/base/clock.ts';
import type { ConnectionParts } from '../../src/store/database.ts';
import type { Stage } from '../support/bench.ts';
import { median, renderTable } from '../support/figures.ts';
import { connect } from '../support/postgres.ts';
import { interleave, type Arm } from '../support/rounds.ts';

const CHURN_SECONDS = 40;
const WINDOW_SECONDS = 5;
const LEASE_RENEWED_MS = 5_000;
const ADVISORY = 4_711;

interface Churn {
  /** Queue cycles in each second. */
  readonly perSecond: readonly number[];
  readonly deadRowsKept: number;
}

/** Takes leadership, and gives how to let go of it. */
type Hold = () => Promise<() => Promise<void>>;

export async function measureHolders(stage: Stage, connection: ConnectionParts): Promise<void> {
  const arm = (name: string, hold: Hold): Arm<Churn> => ({
    name,
    run: () => churn(stage, connection, hold),
  });
  const samples = await interleave(
    stage,
    [
      arm('nobody', () => Promise.resolve(() => Promise.resolve())),
      arm('a lease row, renewed every 5 s', () => holdLease(stage.kit.clock, connection)),
      arm('an advisory lock in a read-only transaction', () => holdAdvisoryLock(connection)),
    ],
    { rounds: 3, warmUps: 0 },
  );
  const rows = [...samples].map(([name, churns]) => {
    const rate = (from: number, to?: number): string =>
      median(churns.map(({ perSecond }) => mean(perSecond.slice(from, to)))).toFixed(0);
    return [
      name,
      rate(0, WINDOW_SECONDS),
      rate(CHURN_SECONDS - WINDOW_SECONDS, CHURN_SECONDS),
      median(churns.map(({ deadRowsKept }) => deadRowsKept)).toFixed(0),
    ];
  });
  const window = `${WINDOW_SECONDS} s`;
  stage.print();
  stage.print(
    renderTable([
      ['queue cycles/s while led by', `first ${window}`, `last ${window}`, 'dead rows kept'],
      ...rows,
    ]),
  );
}

async function churn(
  { kit: { clock }, signal }: Stage,
  connection: ConnectionParts,
  hold: Hold,
): Promise<Churn> {
  const admin = await connect(connection);
  await admin.query(`
    drop table if exists bench_jobs;
    create table bench_jobs (id bigserial primary key, state text not null default 'pending');
    create index on bench_jobs (id) where state = 'pending';
    drop table if exists bench_leases;
    create table bench_leases (name text primary key, epoch bigint, expires_at timestamptz)`);
  const letGo = await hold();
  const startedMs = clock.monotonicMs();
  const perSecond: number[] = [];
  const elapsed = (): number => (clock.monotonicMs() - startedMs) / 1_000;
  const worker = async (): Promise<void> => {
    const client = await connect(connection);
    while (!signal.aborted && elapsed() < CHURN_SECONDS) {
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
  const kept = /(\d+) are dead but not yet removable/.exec(notes.join('\n'))?.[1];
  if (kept === undefined) throw new Error(`vacuum did not tell what it kept:\n${notes.join('\n')}`);
  await letGo();
  await admin.end();
  return { perSecond, deadRowsKept: Number(kept) };
}

async function holdLease(clock: Clock, connection: ConnectionParts): ReturnType<Hold> {
  const client = await connect(connection);
  const stop = new AbortController();
  const renew = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await client.query(
        `insert into bench_leases values ('l', 1, clock_timestamp() + interval '15 s')
         on conflict (name) do update set expires_at = excluded.expires_at`,
      );
      await clock.sleep(LEASE_RENEWED_MS, stop.signal).catch(() => undefined);
    }
  };
  const renewing = renew();
  return async () => {
    stop.abort();
    await renewing;
    await client.end();
  };
}

async function holdAdvisoryLock(connection: ConnectionParts): ReturnType<Hold> {
  const client = await connect(connection);
  await client.query('begin isolation level repeatable read read only');
  await client.query('select pg_try_advisory_xact_lock($1)', [ADVISORY]);
  return async () => {
    await client.query('commit');
    await client.end();
  };
}

function mean(samples: readonly number[]): number {
  return samples.reduce((sum, each) => sum + each, 0) / samples.length;
}
