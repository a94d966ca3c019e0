// Reports that come at the same time, of jobs that are about nothing but themselves.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId } from '../../../src/base/id.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, FAILED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
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

/** So many imports, each in an attempt of the daemon. */
async function takeImports(count: number): Promise<Awaited<ReturnType<TestQueue['mustTake']>>[]> {
  for (let made = 0; made < count; made++) await make.version(pool);
  const attempts = await Promise.all(Array.from({ length: count }, () => queue.mustTake(daemon)));
  database.take();
  return attempts;
}

const outcomeOf = (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'stored',
    (error: unknown) => (error as { code: string }).code,
  );

describe('results that are reported together', () => {
  it('are stored by one statement', async () => {
    const attempts = await takeImports(8);
    await Promise.all(attempts.map((attempt) => queue.complete(attempt)));
    expect(database.take()).toEqual({ statements: ['job.finish_lone'], transactions: 0 });
    for (const { jobId } of attempts) {
      expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
    }
  });

  it('count each for itself', async () => {
    const [good, failed, stale, strange, absurd] = await takeImports(5);
    const stranger = { ...daemon, keyId: await make.key() };
    const outcomes = await Promise.all(
      [
        queue.complete(good!),
        queue.complete(failed!, FAILED),
        queue.complete({ ...stale!, attempt: stale!.attempt + 1 }),
        queue.complete({ ...strange!, daemon: stranger }),
        // No integer of the database's: the statement fails with all that is in it.
        queue.complete({ ...absurd!, attempt: 2 ** 40 }),
      ].map(outcomeOf),
    );
    expect(outcomes.slice(0, 4)).toEqual(['stored', 'stored', 'ATTEMPT_STALE', 'ATTEMPT_STALE']);
    expect(outcomes[4]).not.toBe('stored');
    expect(await queue.status(good!.jobId)).toMatchObject({ status: 'succeeded' });
    expect(await queue.status(failed!.jobId)).toMatchObject({
      status: 'failed',
      error_code: FAILED.outcome === 'failed' ? FAILED.errorCode : null,
    });
    for (const attempt of [stale!, strange!, absurd!]) {
      expect(await queue.status(attempt.jobId)).toMatchObject({ status: 'running' });
      await queue.complete(attempt);
    }
  });

  it('about the same job are one that counts and one that is refused', async () => {
    const [attempt] = await takeImports(1);
    const outcomes = await Promise.all([
      outcomeOf(queue.complete(attempt!)),
      outcomeOf(queue.complete(attempt!, FAILED)),
    ]);
    expect(outcomes.toSorted()).toEqual(['ATTEMPT_STALE', 'stored']);
    const { status } = await queue.status(attempt!.jobId);
    expect(status).toBe(outcomes[0] === 'stored' ? 'succeeded' : 'failed');
  });

  it('do not wait for a job that somebody has locked', async () => {
    const [locked, free] = await takeImports(2);
    const holding = createDeferred<undefined>();
    const isHeld = createDeferred<undefined>();
    const holder = store.database.transaction(async (tx) => {
      await tx.query({
        name: 'test.lock_job',
        text: 'select from jobs where id = $1 for update',
        values: [locked!.jobId],
      });
      isHeld.resolve(undefined);
      await holding.promise;
    });
    await isHeld.promise;
    const waiting = queue.complete(locked!);
    await queue.complete(free!);
    expect(await queue.status(free!.jobId)).toMatchObject({ status: 'succeeded' });
    expect(await queue.status(locked!.jobId)).toMatchObject({ status: 'running' });
    holding.resolve(undefined);
    await holder;
    await waiting;
    expect(await queue.status(locked!.jobId)).toMatchObject({ status: 'succeeded' });
  });
});
