// A cancel against an acquisition and against a result, in every order of their statements.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { installFailpoints } from '../../../src/base/failpoint.ts';
import type { JobId, OrganizationId, UserId } from '../../../src/base/id.ts';
import type { JobResult, JobStatus } from '../../../src/domain/job/job.ts';
import { acquireJob } from '../../../src/jobs/acquire-job.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { cancelJob, type AskedToCancel } from '../../../src/jobs/cancel-job.ts';
import { completeJob } from '../../../src/jobs/complete-job.ts';
import { createDispatcher } from '../../../src/jobs/dispatcher.ts';
import type { Database } from '../../../src/store/database.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { registeredStatements } from '../../../src/store/statement.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { completeDeps } from '../../support/complete-deps.ts';
import { interleave } from '../../support/interleave.ts';
import {
  createQueue,
  DEAF,
  DISPATCH,
  FAILED,
  SUCCEEDED,
  type TestDaemon,
  type TestQueue,
} from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organizationId: OrganizationId;
let ownerId: UserId;
let pool: TestPool;
let daemon: TestDaemon;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }));
  daemon = await queue.daemon({}, { organizationId });
});
afterEach(() => installFailpoints(undefined));
afterAll(() => store.close());

/** Jobs about different things are locked, handed out and ended by different statements. */
const SUBJECTS: Readonly<Record<string, () => Promise<JobId>>> = {
  'a person’s start': async () => (await make.workspace(pool, { ownerId })).jobId,
  'a creation for a pool': async () => (await make.prebuild(pool)).jobId,
  'a check of a version': async () => (await make.version(pool)).jobId,
  'a delete': async () => {
    const built = await make.workspace(pool, { ownerId });
    await queue.complete(await queue.mustTake(daemon));
    return (await make.nextBuild(pool, built, { initiatorId: ownerId, transition: 'delete' }))
      .jobId;
  },
};

/** What else a transaction does is done under its job's lock, or locks no job. */
const through = registeredStatements()
  .map(({ name }) => name)
  .filter((name) => !name.startsWith('job.'));

const cancel = (database: Database, id: JobId): Promise<AskedToCancel | undefined> =>
  database.transaction((tx) => cancelJob(store.kit, tx, id));

/** One look of a control plane of its own. */
function acquire(
  database: Database,
  signal = new AbortController().signal,
): Promise<TakenJob | undefined> {
  const dispatcher = createDispatcher({ ...store.kit, database, bus: DEAF }, DISPATCH);
  return acquireJob({ ...store.kit, database, keyring: store.keyring, dispatcher }, daemon, {
    signal,
    waitMs: 0,
  });
}

interface Row {
  readonly status: JobStatus;
  readonly attempt: number;
  readonly asked: boolean;
  readonly ended: number | null;
}

async function read(id: JobId): Promise<Row> {
  const [row] = await store.sql<Row>(
    `select status, attempt, canceled_at is not null as asked,
       extract(epoch from completed_at)::float as ended
     from jobs where id = $1`,
    [id],
  );
  return row!;
}

describe.each(Object.entries(SUBJECTS))('a cancel of %s', (_name, createJob) => {
  it('comes before an acquisition, or its daemon is told', async () => {
    const seen = new Set<string>();
    await interleave<{ readonly jobId: JobId }>(store, {
      setUp: async () => ({ jobId: await createJob() }),
      sessions: {
        ann: (database, { jobId }) => cancel(database, jobId),
        daemon: (database) => acquire(database),
      },
      through,
      check: async ({ jobId }, { given: { ann: asked, daemon: taken } }) => {
        const row = await read(jobId);
        if (taken === undefined) {
          expect(asked).toEqual({ before: 'pending', after: 'canceled' });
          expect(row).toMatchObject({ status: 'canceled', attempt: 0, asked: true });
        } else {
          expect(taken).toMatchObject({ id: jobId, attempt: 1 });
          expect(asked).toEqual({ before: 'running', after: 'canceling' });
          expect(row).toMatchObject({ status: 'canceling', attempt: 1, ended: null });
          const attempt = { daemon, jobId, attempt: 1 };
          expect(await queue.heartbeat(attempt)).toMatchObject({ cancel: true });
          await queue.complete(attempt, { outcome: 'canceled' });
        }
        expect(await queue.take(daemon)).toBeUndefined();
        seen.add(taken === undefined ? 'canceled' : 'canceling');
      },
    });
    expect([...seen].sort()).toEqual(['canceled', 'canceling']);
  });

  it('ends what was taken for a daemon that has hung up', async () => {
    const seen = new Set<string>();
    await interleave<{ readonly jobId: JobId }>(store, {
      setUp: async () => ({ jobId: await createJob() }),
      sessions: {
        ann: (database, { jobId }) => cancel(database, jobId),
        daemon: (database) => {
          const hungUp = new AbortController();
          installFailpoints((point) => {
            if (point === 'job.taken') hungUp.abort();
            return 'go';
          });
          return acquire(database, hungUp.signal);
        },
      },
      through,
      check: async ({ jobId }, { given: { ann: asked, daemon: taken } }) => {
        expect(taken).toBeUndefined();
        seen.add((asked as AskedToCancel).before);
        expect(await read(jobId)).toMatchObject({ status: 'canceled', asked: true });
        expect(await queue.take(daemon)).toBeUndefined();
      },
    });
    expect([...seen].sort()).toEqual(['pending', 'running']);
  });

  it.each<JobResult>([SUCCEEDED, FAILED, { outcome: 'canceled' }])(
    'comes before the result $outcome or too late, and the result counts once',
    async (result) => {
      const seen = new Set<string>();
      const complete = async (database: Database, attempt: AttemptRef): Promise<void> => {
        await completeJob(completeDeps(store, database), attempt, result);
      };
      await interleave<AttemptRef>(store, {
        setUp: async () => {
          const jobId = await createJob();
          const attempt = await queue.mustTake(daemon);
          expect(attempt.jobId).toBe(jobId);
          return attempt;
        },
        sessions: {
          ann: (database, { jobId }) => cancel(database, jobId),
          daemon: (database, attempt) => complete(database, attempt),
        },
        through,
        check: async (attempt, { given: { ann: asked, daemon: completed } }) => {
          const { jobId } = attempt;
          expect(completed).toBeUndefined();
          const { before } = asked as AskedToCancel;
          const isAsked = before === 'running';
          expect(isAsked ? 'running' : result.outcome).toBe(before);
          const row = await read(jobId);
          expect(row).toMatchObject({
            status: result.outcome,
            attempt: 1,
            asked: isAsked || result.outcome === 'canceled',
          });
          seen.add(before);
          // Nothing changes what has ended.
          await complete(store.database, attempt);
          expect(await cancel(store.database, jobId)).toEqual({
            before: result.outcome,
            after: result.outcome,
          });
          expect(await read(jobId)).toEqual(row);
          expect(await queue.take(daemon)).toBeUndefined();
        },
      });
      expect([...seen].sort()).toEqual(['running', result.outcome].sort());
    },
  );
});
