// Ends of builds that nobody waits for, reported at the same time.
import { beforeEach, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import { createPrecedence } from '../../../src/base/precedence.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { completeJob, type CompleteDeps } from '../../../src/jobs/complete-job.ts';
import { createAttemptEnder } from '../../../src/jobs/end-builds.ts';
import { createHandedBuilds, type Ending } from '../../../src/jobs/handed-builds.ts';
import type { JobResult } from '../../../src/domain/job/job.ts';
import { completeDeps } from '../../support/complete-deps.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createDeferred } from '../../support/deferred.ts';
import type { TestBuild, TestPool } from '../../support/factory.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { FAILED, SUCCEEDED, type TestDaemon } from '../../support/queue.ts';
import { useQueueGround } from '../../support/queue-ground.ts';

const ground = useQueueGround();
let pool: TestPool;
let daemon: TestDaemon;
let database: CountedDatabase;

beforeEach(async () => {
  database = countStatements(ground.store.database);
  pool = await ground.make.pool(ground.template, { desired: 8 });
  [daemon] = (await ground.daemons(1, { slots: 20 })) as [TestDaemon];
});

interface Taken {
  readonly attempt: AttemptRef;
  readonly workspaceId: WorkspaceId;
}

/** So many first builds of prebuilds, each in an attempt of the daemon. */
async function takeBuilds(count: number, from = pool): Promise<readonly Taken[]> {
  const made: TestBuild[] = [];
  for (let nth = 0; nth < count; nth++) made.push(await ground.make.prebuild(from));
  const attempts = await Promise.all(made.map(() => ground.queue.mustTake(daemon)));
  database.take();
  return attempts.map((attempt) => ({
    attempt,
    workspaceId: made.find(({ jobId }) => jobId === attempt.jobId)!.workspaceId,
  }));
}

/** A control plane that has handed out all of them. */
function createPlane(taken: readonly Taken[], ending: Ending = 'together') {
  const clock = createManualClock();
  const precedence = createPrecedence(clock);
  const builds = createHandedBuilds();
  for (const { attempt, workspaceId } of taken) {
    builds.note(attempt.jobId, { workspaceId, ending });
  }
  const workspaceOf = new Map(taken.map((one) => [one.attempt.jobId, one.workspaceId]));
  const deps: CompleteDeps = {
    ...completeDeps(ground.store, database),
    // As where a slot asks for its next job: nobody has to ask what the job is about.
    finishLoneJob: ({ id }) =>
      Promise.resolve({ workspaceId: workspaceOf.get(id) ?? null, isFinished: false }),
    endAttempt: createAttemptEnder({ ...ground.store.kit, clock, database, precedence, builds }),
  };
  const complete = ({ attempt }: Taken, result: JobResult = SUCCEEDED): Promise<boolean> =>
    completeJob(deps, attempt, result);
  return { clock, precedence, complete };
}

const outcomeOf = (work: Promise<boolean>): Promise<string> =>
  work.then(
    (isNew) => (isNew ? 'stored' : 'known'),
    (error: unknown) => (error as { code: string }).code,
  );

const readyOf = async (workspaceId: WorkspaceId): Promise<boolean | undefined> =>
  (
    await ground.store.sql<{ ready: boolean }>(
      'select ready from pool_members where workspace_id = $1',
      [workspaceId],
    )
  )[0]?.ready;

const eventsOf = async (workspaceId: WorkspaceId): Promise<readonly string[]> =>
  (
    await ground.store.sql<{ kind: string }>(
      `select kind from pool_events where workspace_id = $1 and kind like 'build%'`,
      [workspaceId],
    )
  ).map(({ kind }) => kind);

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ends of builds that are reported together', () => {
  it('take the statements and the commit of one', async () => {
    const other = await ground.make.pool(
      await ground.make.template({ organizationId: ground.organizationId }),
      { desired: 2 },
    );
    const taken = [...(await takeBuilds(5)), ...(await takeBuilds(2, other))];
    const { complete } = createPlane(taken);
    expect(await Promise.all(taken.map((one) => complete(one)))).toEqual(taken.map(() => true));
    const { statements, transactions } = database.take();
    expect(transactions).toBe(1);
    expect(statements).toEqual([
      ...['workspace.lock_free_built', 'job.lock_free', 'build.finish', 'judged_build.record'],
      ...['pool_member.finish_build', 'pool_event.insert'],
    ]);
    for (const { attempt, workspaceId } of taken) {
      expect(await ground.queue.status(attempt.jobId)).toMatchObject({ status: 'succeeded' });
      expect(await readyOf(workspaceId)).toBe(true);
      expect(await eventsOf(workspaceId)).toEqual(['build_succeeded']);
    }
    const judged = await ground.store.sql<{ pool_id: string; failed: boolean; judged: string }>(
      `select pool_id, failed, count(*)::text as judged from judged_builds
       where pool_id = any ($1) group by 1, 2 order by 3 desc`,
      [[pool.poolId, other.poolId]],
    );
    expect(judged).toEqual([
      { pool_id: pool.poolId, failed: false, judged: '5' },
      { pool_id: other.poolId, failed: false, judged: '2' },
    ]);
  });

  it('count each for itself', async () => {
    const taken = await takeBuilds(5);
    const [good, failed, canceled, stale, strange] = taken;
    const { complete } = createPlane(taken);
    const by = (one: Taken, change: Partial<AttemptRef>): Taken => ({
      ...one,
      attempt: { ...one.attempt, ...change },
    });
    const stranger = { ...daemon, keyId: await ground.make.key() };
    const outcomes = await Promise.all(
      [
        complete(good!),
        complete(failed!, FAILED),
        complete(canceled!, { outcome: 'canceled' }),
        complete(by(stale!, { attempt: stale!.attempt.attempt + 1 })),
        complete(by(strange!, { daemon: stranger })),
      ].map(outcomeOf),
    );
    expect(outcomes).toEqual(['stored', 'stored', 'stored', 'ATTEMPT_STALE', 'ATTEMPT_STALE']);
    const states = await Promise.all(
      taken.map(async ({ attempt, workspaceId }) => [
        (await ground.queue.status(attempt.jobId)).status,
        await readyOf(workspaceId),
      ]),
    );
    expect(states).toEqual([
      ...[
        ['succeeded', true],
        ['failed', false],
        ['canceled', false],
      ],
      ...[
        ['running', false],
        ['running', false],
      ],
    ]);
  });

  it('are stored though one of them cannot be', async () => {
    const taken = await takeBuilds(3);
    const [bad, ...good] = taken;
    const { complete } = createPlane(taken);
    await ground.store.sql(
      `alter table builds add constraint builds_test_check
         check (workspace_id <> '${bad!.workspaceId}' or outputs is null) not valid`,
    );
    try {
      const outcomes = await Promise.all(taken.map((one) => outcomeOf(complete(one))));
      expect(outcomes).toEqual(['23514', 'stored', 'stored']);
    } finally {
      await ground.store.sql('alter table builds drop constraint builds_test_check');
    }
    for (const { workspaceId } of good) {
      expect(await readyOf(workspaceId)).toBe(true);
      expect(await eventsOf(workspaceId)).toEqual(['build_succeeded']);
    }
    expect(await ground.queue.status(bad!.attempt.jobId)).toMatchObject({ status: 'running' });
    await ground.queue.complete(bad!.attempt);
    expect(await readyOf(bad!.workspaceId)).toBe(true);
  });

  it('about the same job are one that counts and one that is known or refused', async () => {
    const taken = await takeBuilds(2);
    const [twice, both] = taken;
    const { complete } = createPlane(taken);
    const outcomes = await Promise.all(
      [complete(twice!), complete(twice!), complete(both!, FAILED), complete(both!)].map(outcomeOf),
    );
    expect(outcomes).toEqual(['stored', 'known', 'stored', 'ATTEMPT_STALE']);
    expect(await eventsOf(twice!.workspaceId)).toEqual(['build_succeeded']);
    expect(await eventsOf(both!.workspaceId)).toEqual(['build_failed']);
  });

  it.each([
    ['member', 'select from pool_members where workspace_id = $1 for update'],
    ['workspace', 'select from workspaces where id = $1 for update'],
    [
      'job',
      'select from jobs where id = (select job_id from builds where workspace_id = $1) for update',
    ],
  ])('do not wait for the one whose %s somebody holds', async (_what, text) => {
    const taken = await takeBuilds(3);
    const [held, ...free] = taken;
    const { complete } = createPlane(taken);
    const [isHeld, over] = [createDeferred<undefined>(), createDeferred<undefined>()];
    const holder = ground.store.database.transaction(async (tx) => {
      await tx.query({ name: '', text, values: [held!.workspaceId] });
      isHeld.resolve(undefined);
      await over.promise;
    });
    await isHeld.promise;
    const waiting = complete(held!);
    await Promise.all(free.map((one) => complete(one)));
    for (const { workspaceId } of free) expect(await readyOf(workspaceId)).toBe(true);
    expect(await ground.queue.status(held!.attempt.jobId)).toMatchObject({ status: 'running' });
    over.resolve(undefined);
    await holder;
    expect(await waiting).toBe(true);
    // It is still the pool's.
    expect(await readyOf(held!.workspaceId)).toBe(true);
    expect(await eventsOf(held!.workspaceId)).toEqual(['build_succeeded']);
  });
});

describe('the end of a build', () => {
  it('goes at once by itself where somebody waits for it', async () => {
    const taken = await takeBuilds(2);
    const { complete } = createPlane(taken, 'at once');
    await Promise.all(taken.map((one) => complete(one)));
    const { statements, transactions } = database.take();
    expect(transactions).toBe(2);
    expect(statements.filter((name) => name === 'workspace.lock_built')).toHaveLength(2);
  });

  it('gives way to claims for so long, and is stored with whatever has come meanwhile', async () => {
    const taken = await takeBuilds(2);
    const { clock, precedence, complete } = createPlane(taken);
    const claim = createDeferred<undefined>();
    const claiming = precedence.first(() => claim.promise);
    const ending = [complete(taken[0]!)];
    await settle();
    await clock.advance(39);
    ending.push(complete(taken[1]!));
    await settle();
    expect(database.take().transactions).toBe(0);
    await clock.advance(1);
    await Promise.all(ending);
    expect(database.take().transactions).toBe(1);
    claim.resolve(undefined);
    await claiming;
  });

  it('gives way by itself where it may have to wait for somebody', async () => {
    const taken = await takeBuilds(2);
    const { clock, precedence, complete } = createPlane(taken, 'gives way');
    const claim = createDeferred<undefined>();
    const claiming = precedence.first(() => claim.promise);
    const ending = taken.map((one) => complete(one));
    await settle();
    await clock.advance(39);
    expect(database.take().transactions).toBe(0);
    claim.resolve(undefined);
    await claiming;
    await Promise.all(ending);
    expect(database.take().transactions).toBe(2);
  });
});
