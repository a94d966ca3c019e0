// Logs of jobs that ended long ago.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobId } from '../../../src/base/id.ts';
import { pruneLogs } from '../../../src/jobs/prune-logs.ts';
import { createPruner } from '../../../src/jobs/pruner.ts';
import { deleteLogLines, findPrunableJobs } from '../../../src/store/job-log-prune.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { touchedRows } from '../../support/touched-rows.ts';

const DAY_MS = 86_400_000;
const MONTH = { retentionMs: 30 * DAY_MS };
const PRUNER = { intervalMs: 10, logRetentionMs: 30 * DAY_MS, historyRetentionMs: 0 };

let store: TestStore;
let make: Factory;
let daysAgo: (days: number, lines: number) => Promise<JobId>;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  const template = await make.template({ organizationId: await make.organization() });
  await store.sql(`update jobs set log_pruned_at = completed_at`);
  daysAgo = async (days, lines) => {
    const { jobId } = await make.version(template, { active: true });
    await store.sql(
      `update jobs set completed_at = standby_now() - make_interval(days => $2) where id = $1`,
      [jobId, days],
    );
    await store.sql(
      `insert into job_logs (job_id, attempt, seq, at, level, line)
       select $1, 1, seq, standby_now(), 'info', 'x' from generate_series(1, $2::integer) as seq`,
      [jobId, lines],
    );
    return jobId;
  };
});
afterAll(() => store.close());

const prune = (options = MONTH): Promise<number> =>
  pruneLogs({ ...store.kit, database: store.database }, options);

async function left(jobId: JobId): Promise<unknown> {
  const [row] = await store.sql(
    `select (select count(*)::integer from job_logs where job_id = $1) as lines,
       log_pruned_at is not null as pruned
     from jobs where id = $1`,
    [jobId],
  );
  return row;
}

describe('old logs', () => {
  it('go after their time and not before; the jobs stay', async () => {
    const old = await daysAgo(31, 3);
    const young = await daysAgo(29, 3);
    expect(await prune({ retentionMs: 0 })).toBe(0);
    expect(await prune()).toBe(3);
    expect(await left(old)).toEqual({ lines: 0, pruned: true });
    expect(await left(young)).toEqual({ lines: 3, pruned: false });
    expect(await prune()).toBe(0);
    await store.advanceClock(2 * DAY_MS);
    expect(await prune()).toBe(3);
    expect(await left(young)).toEqual({ lines: 0, pruned: true });
  });

  it('are read no further than they go at a time, however much there is of a job', async () => {
    const jobId = await daysAgo(38, 5_000);
    await store.sql('analyze job_logs');
    const touched = await touchedRows(store, deleteLogLines, { jobId, limit: 100 });
    // Found, locked, and deleted.
    expect(touched.get('job_logs')).toBeLessThanOrEqual(300);
    expect(await left(jobId)).toEqual({ lines: 4_900, pruned: false });
    await store.sql('delete from job_logs where job_id = $1', [jobId]);
    await prune();
  });

  it('go a bounded number of lines at a time, until none is left', async () => {
    const jobs = [await daysAgo(40, 15_500), await daysAgo(39, 15_500)];
    expect(await prune()).toBe(19_500);
    expect(await left(jobs[0]!)).toEqual({ lines: 0, pruned: true });
    expect(await left(jobs[1]!)).toEqual({ lines: 11_500, pruned: false });
    expect(await prune()).toBe(11_500);
    expect(await left(jobs[1]!)).toEqual({ lines: 0, pruned: true });
  });

  it('go once, however many replicas prune', async () => {
    const jobs = await Promise.all([1, 2, 3].map(() => daysAgo(40, 2_500)));
    const others = [store.open(2), store.open(2)];
    const gone = await Promise.all(
      [store.database, ...others].map((database) => pruneLogs({ ...store.kit, database }, MONTH)),
    );
    await prune(); // what one passed over because another held it
    expect(gone.reduce((sum, lines) => sum + lines, 0)).toBeLessThanOrEqual(7_500);
    for (const job of jobs) expect(await left(job)).toEqual({ lines: 0, pruned: true });
  });

  it('go by the pruner of any replica', async () => {
    const job = await daysAgo(40, 1);
    const pruner = createPruner({ ...store.kit, database: store.database }, PRUNER);
    await pruner.start();
    await expect.poll(() => left(job)).toEqual({ lines: 0, pruned: true });
    expect(await pruner.stop('test', 5_000)).toBe('stopped');
  });

  it('are passed over where somebody holds a line', async () => {
    const job = await daysAgo(40, 2);
    const client = await store.database.connect();
    await client.query('begin');
    await client.query('select from job_logs where job_id = $1 and seq = 1 for update', [job]);
    expect(await prune()).toBe(1);
    expect(await left(job)).toEqual({ lines: 1, pruned: false });
    await client.query('rollback');
    await client.end();
    expect(await prune()).toBe(1);
    expect(await left(job)).toEqual({ lines: 0, pruned: true });
  });

  it('are found by indexes, however many jobs and lines there are', async () => {
    await store.sql('analyze jobs');
    await store.sql('analyze job_logs');
    await store.sql('set enable_seqscan = off');
    const plan = async (text: string, values: readonly unknown[]): Promise<string> => {
      const rows = await store.sql<Readonly<Record<string, string>>>(`explain ${text}`, values);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    expect(await plan(findPrunableJobs.text, [1_000, 100])).toContain('jobs_unpruned_idx');
    const deletion = await plan(deleteLogLines.text, ['019a0000-0000-7000-8000-000000000000', 10]);
    expect(deletion).toContain('job_logs_pkey');
    expect(deletion).not.toContain('Seq Scan');
  });
});
