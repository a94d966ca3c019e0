// A result that is reported with the slot's next call for work.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FailpointError, installFailpoints } from '../../../src/base/failpoint.ts';
import {
  createId,
  type AcquireCallId,
  type JobId,
  type OrganizationId,
} from '../../../src/base/id.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { completeAndAcquire } from '../../../src/jobs/complete-and-acquire.ts';
import { columnsOf } from '../../../src/jobs/finish-job.ts';
import type { ReportedSlot } from '../../../src/jobs/report-and-take.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, SUCCEEDED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { until } from '../../support/until.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organizationId: OrganizationId;
let pool: TestPool;
let daemon: TestDaemon;
let database: CountedDatabase;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  database = countStatements(store.database);
  queue = createQueue({ ...store, database }, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }));
  daemon = await queue.daemon({}, { organizationId });
});
afterEach(() => installFailpoints(undefined));

/** Reports it as succeeded. */
function next(
  attempt: AttemptRef,
  call: { readonly callId?: AcquireCallId; readonly signal?: AbortSignal } = {},
): Promise<TakenJob | undefined> {
  const { callId = createId<AcquireCallId>(store.kit), signal = new AbortController().signal } =
    call;
  return completeAndAcquire(queue.deps, { attempt, result: SUCCEEDED }, { callId, signal });
}

async function imports(count: number): Promise<void> {
  for (let made = 0; made < count; made++) await make.version(pool);
}

/** So many imports, each in an attempt of the daemon, and as many more that wait. */
async function takeHalfOf(count: number): Promise<readonly AttemptRef[]> {
  await imports(count);
  const attempts = await Promise.all(
    Array.from({ length: count / 2 }, () => queue.mustTake(daemon)),
  );
  database.take();
  return attempts;
}

/** What the one statement does with it. */
async function reportAlone(attempt: AttemptRef): Promise<ReportedSlot> {
  const { daemon: of, jobId: id } = attempt;
  const offer = await queue.deps.dispatcher.offers.get(of);
  const report = { ...of, id, attempt: attempt.attempt, ...columnsOf(SUCCEEDED) };
  return queue.deps.reportAndTake({ report, offer, callId: createId<AcquireCallId>(store.kit) });
}

/** By another transaction, until it is released. */
async function lockDaemon(): Promise<{ release(): Promise<void> }> {
  const isHeld = createDeferred<undefined>();
  const isReleased = createDeferred<undefined>();
  const ended = store.database.transaction(async (tx) => {
    const text = 'select from daemons where id = $1 for no key update';
    await tx.query({ name: 'test.lock_daemon', text, values: [daemon.daemonId] });
    isHeld.resolve(undefined);
    await isReleased.promise;
  });
  await isHeld.promise;
  return {
    release: async () => {
      isReleased.resolve(undefined);
      await ended;
    },
  };
}

const pending = async (): Promise<number> =>
  (
    await store.sql(`select from jobs where organization_id = $1 and status = 'pending'`, [
      organizationId,
    ])
  ).length;

describe('a result that is reported with a call for work', () => {
  it('is stored and answered with another job by one statement for all that report', async () => {
    const attempts = await takeHalfOf(16);
    const jobs = await Promise.all(attempts.map((attempt) => next(attempt)));
    expect(database.take()).toEqual({ statements: ['job.take_after_reports'], transactions: 0 });
    for (const { jobId } of attempts) {
      expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
    }
    expect(new Set(jobs.map((job) => job?.id)).size).toBe(8);
    for (const job of jobs) {
      expect(await queue.status(job!.id)).toMatchObject({
        ...{ status: 'running', attempt: 1, daemon_id: daemon.daemonId },
      });
    }
  });

  it('is stored where nothing waits, and looks once', async () => {
    await imports(1);
    const attempt = await queue.mustTake(daemon);
    database.take();
    expect(await next(attempt)).toBeUndefined();
    expect(database.take()).toEqual({ statements: ['job.take_after_reports'], transactions: 0 });
    expect(await queue.status(attempt.jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('brings nothing where it is refused, beside others that count', async () => {
    const [good, stale] = await takeHalfOf(4);
    const outcomes = await Promise.allSettled([
      next(good!),
      next({ ...stale!, attempt: stale!.attempt + 1 }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'ATTEMPT_STALE' } });
    expect(await queue.status(stale!.jobId)).toMatchObject({ status: 'running' });
    expect(await pending()).toBe(1);
  });

  it('brings nothing to a process that was replaced', async () => {
    const [attempt] = await takeHalfOf(2);
    await queue.deps.dispatcher.offers.get(daemon);
    await queue.restart(daemon);
    await expect(next(attempt!)).rejects.toMatchObject({ code: 'ATTEMPT_STALE' });
    // The one that it held as well: the attempt was ended with the process.
    expect(await pending()).toBe(2);
  });

  it('counts once where it comes twice, and brings one job', async () => {
    const [attempt] = await takeHalfOf(4);
    expect(await next(attempt!)).toBeDefined();
    expect(await next(attempt!)).toBeUndefined();
    expect(await pending()).toBe(1);
  });

  it('of a build ends it with its workspace, and brings what waits', async () => {
    const ownerId = await make.user({ organizationId });
    const { jobId } = await make.workspace(pool, { ownerId });
    await queue.mustTake(daemon);
    const other = await make.workspace(pool, { ownerId });
    expect(await next({ daemon, jobId, attempt: 1 })).toMatchObject({ id: other.jobId });
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('of a build that was handed out here does not ask what it is about', async () => {
    const { jobId } = await make.workspace(pool, {
      ownerId: await make.user({ organizationId }),
    });
    await queue.mustTake(daemon);
    database.take();
    await next({ daemon, jobId, attempt: 1 });
    const { statements } = database.take();
    expect(statements.slice(0, 3)).toEqual(['workspace.lock_built', 'job.lock', 'build.finish']);
    expect(statements).not.toContain('job.take_after_reports');
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('of a build that the database knows nothing of any more is refused', async () => {
    const jobId = createId<JobId>(store.kit);
    queue.deps.dispatcher.builds.note(jobId, {
      workspaceId: createId(store.kit),
      ending: 'gives way',
    });
    await expect(next({ daemon, jobId, attempt: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('brings a creation, which waits in another line', async () => {
    await imports(1);
    const attempt = await queue.mustTake(daemon);
    const { jobId } = await make.prebuild(pool);
    expect(await next(attempt)).toMatchObject({ id: jobId });
  });

  it('gives back what it took for who has hung up', async () => {
    const [attempt] = await takeHalfOf(2);
    expect(await next(attempt!, { signal: AbortSignal.abort() })).toBeUndefined();
    expect(await queue.status(attempt!.jobId)).toMatchObject({ status: 'succeeded' });
    expect(await pending()).toBe(1);
  });

  it('stays stored where the next job cannot be told, which goes back', async () => {
    const [attempt] = await takeHalfOf(2);
    installFailpoints((point) => {
      if (point === 'job.taken') throw new FailpointError('broken');
      return undefined;
    });
    expect(await next(attempt!)).toBeUndefined();
    expect(await queue.status(attempt!.jobId)).toMatchObject({ status: 'succeeded' });
    expect(await pending()).toBe(1);
  });

  it('of a build neither locks its daemon nor looks at the queue', async () => {
    const ownerId = await make.user({ organizationId });
    const { jobId } = await make.workspace(pool, { ownerId });
    await queue.mustTake(daemon);
    await imports(1);
    const locker = async () =>
      (await store.sql('select xmax from daemons where id = $1', [daemon.daemonId]))[0];
    const before = await locker();
    expect(await reportAlone({ daemon, jobId, attempt: 1 })).toMatchObject({
      ...{ reported: { isFinished: false }, next: undefined, isHeldBack: false },
    });
    expect(await locker()).toEqual(before);
  });

  it('brings one job where it comes twice at the same time', async () => {
    const [attempt] = await takeHalfOf(4);
    const slots = await Promise.all([reportAlone(attempt!), reportAlone(attempt!)]);
    expect(database.take()).toEqual({ statements: ['job.take_after_reports'], transactions: 0 });
    // That of the one which was stored.
    for (const { reported, next: job } of slots) {
      expect(job !== undefined).toBe(reported?.isFinished);
    }
    expect(await pending()).toBe(1);
  });

  it('is stored at once while somebody else holds the row of its daemon', async () => {
    const [attempt] = await takeHalfOf(2);
    const row = await lockDaemon();
    const reported = next(attempt!);
    await until(async () =>
      expect(await queue.status(attempt!.jobId)).toMatchObject({ status: 'succeeded' }),
    );
    expect(database.take().statements.slice(0, 2)).toEqual([
      'job.take_after_reports',
      'job.finish_lone',
    ]);
    await row.release();
    expect(await reported).toBeDefined();
  });

  it('gives back what it took where the report fails afterwards', async () => {
    const [attempt] = await takeHalfOf(2);
    installFailpoints((point) => {
      if (point === 'job.ended') throw new FailpointError('broken');
      return undefined;
    });
    await expect(next(attempt!)).rejects.toThrow('broken');
    expect(await queue.status(attempt!.jobId)).toMatchObject({ status: 'succeeded' });
    expect(await pending()).toBe(1);
  });
});
