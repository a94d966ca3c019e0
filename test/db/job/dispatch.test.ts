// Daemons that wait together: who gets what, and that nobody gets anything twice.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId, type JobId } from '../../../src/base/id.ts';
import { createDispatcher } from '../../../src/jobs/dispatcher.ts';
import type { Database } from '../../../src/store/database.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { createDeferred } from '../../support/deferred.ts';
import { DEAF, DISPATCH, type TestDaemon } from '../../support/queue.ts';
import { useQueueGround } from '../../support/queue-ground.ts';
import { until } from '../../support/until.ts';

const ground = useQueueGround();

describe('jobs for daemons that wait together', () => {
  it('go to each of them, and what lives on one machine goes there', async () => {
    const [a, b, c] = await ground.daemons(3, { drivers: ['process'] });
    const bound = (machineId: string) =>
      ground.make.workspace(ground.template, {
        ownerId: ground.ownerId,
        driver: 'process',
        machineId,
        jobClass: 1,
      });
    // More of one machine, and more urgent, than there are slots altogether.
    const here = [await bound('machine 0'), await bound('machine 0'), await bound('machine 0')];
    const there = await bound('machine 2');
    const free = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      driver: 'process',
    });

    const plane = ground.replica();
    const taken = await Promise.all([a!, b!, c!].map((daemon) => plane.wait(daemon)));
    expect(taken.map((job) => job?.id)).toEqual([here[0]!.jobId, free.jobId, there.jobId]);
    const [row] = await ground.store.sql('select machine_id from jobs where id = $1', [free.jobId]);
    expect(row).toEqual({ machine_id: 'machine 1' });
  });

  it('are the most urgent ones', async () => {
    const jobs: JobId[] = [];
    for (const jobClass of [3, 2, 3, 1, 2] as const) {
      jobs.push(
        (await ground.make.workspace(ground.template, { ownerId: ground.ownerId, jobClass })).jobId,
      );
    }
    const plane = ground.replica();
    const waiting = await ground.daemons(3);
    const taken = await Promise.all(waiting.map((daemon) => plane.wait(daemon)));
    expect(new Set(taken.map((job) => job?.id))).toEqual(new Set([jobs[3], jobs[1], jobs[4]]));
  });

  it('go to every daemon once before any gets a second one', async () => {
    const [first, second] = await ground.daemons(2);
    await ground.insertJobs(2);
    const { kit, database } = ground.store;
    const dispatcher = createDispatcher({ ...kit, database, bus: DEAF }, DISPATCH);
    const group = dispatcher.groupOf({
      organizationId: ground.organizationId,
      drivers: ['null'],
      tags: {},
      protocolVersion: 3,
    });
    const over = new AbortController();
    // All of them join before the first look.
    const waits = [first!, first!, first!, second!].map((daemon) =>
      group.wait(
        { ...daemon, machineId: 'machine', callId: createId(ground.store.kit) },
        { signal: over.signal, waitMs: 60_000 },
      ),
    );
    await until(async () => expect(await ground.held()).toHaveLength(2));
    expect(new Set(await ground.held())).toEqual(new Set([first!.daemonId, second!.daemonId]));
    over.abort();
    expect((await Promise.all(waits)).filter((job) => job !== undefined)).toHaveLength(2);
  });

  it('are told apart from those of others by organization, drivers and tags', async () => {
    const other = await ground.make.organization();
    const plane = ground.replica();
    const foreign = await ground.queue.daemon({}, { organizationId: other });
    const tagged = await ground.queue.daemon(
      { tags: { zone: 'eu' } },
      { organizationId: ground.organizationId },
    );
    const { jobId } = await ground.make.workspace(ground.template, {
      ownerId: ground.ownerId,
      tags: { zone: 'eu' },
    });
    const plain = await ground.queue.daemon({}, { organizationId: ground.organizationId });
    const [none, neither, taken] = await Promise.all([
      plane.wait(foreign, 0),
      plane.wait(plain, 0),
      plane.wait(tagged, 0),
    ]);
    expect([none, neither, taken?.id]).toEqual([undefined, undefined, jobId]);
  });
});

const NESTED_LOOPS_ONLY = ['enable_hashjoin', 'enable_mergejoin', 'enable_hashagg', 'enable_sort'];

describe.each([
  ['as the planner likes', []],
  ['with the planner forced into nested loops', NESTED_LOOPS_ONLY],
])('fifty slots at two control planes, %s', (_, off) => {
  beforeAll(async () => {
    for (const setting of off) {
      await ground.store.sql(
        `alter database ${ground.store.connection.database} set ${setting} = off`,
      );
    }
  });
  afterAll(async () => {
    for (const setting of off) {
      await ground.store.sql(`alter database ${ground.store.connection.database} reset ${setting}`);
    }
  });

  it.each([
    ['of fifty daemons', 50],
    ['of one', 1],
  ])('%s do five hundred jobs in exactly one attempt each', { timeout: 60_000 }, async (_of, n) => {
    const planes = [ground.replica(ground.store.open(5)), ground.replica(ground.store.open(5))];
    const daemons = await ground.daemons(n);
    const waiting = Array.from({ length: 50 / n }, () => daemons).flat();
    await ground.insertJobs(250);
    const taken: JobId[] = [];
    const over = new AbortController();
    const working = waiting.map(async (daemon, index) => {
      for (;;) {
        const job = await planes[index % 2]!.wait(daemon, 60_000, over.signal);
        if (job === undefined) return;
        taken.push(job.id);
        if (taken.length === 500) over.abort();
        await ground.queue.complete({ daemon, jobId: job.id, attempt: job.attempt });
      }
    });
    // More comes while they work.
    for (let burst = 0; burst < 5; burst++) await ground.insertJobs(50);
    await Promise.all(working);
    expect(new Set(taken).size).toBe(500);
    const [jobs] = await ground.store.sql(
      `select count(*)::int as done, max(attempt) as attempts
       from jobs where organization_id = $1 and status = 'succeeded' and attempt > 0`,
      [ground.organizationId],
    );
    expect(jobs).toEqual({ done: 500, attempts: 1 });
  });
});

describe('a daemon that is replaced while its group looks', () => {
  it(
    'holds nothing afterwards that its former process was handed',
    { timeout: 60_000 },
    async () => {
      const planes = [ground.replica(), ground.replica()];
      let current: TestDaemon = (await ground.daemons(1))[0]!;
      const others = await ground.daemons(3);
      let lost = 0;
      for (let round = 0; round < 60; round++) {
        const former = current;
        await ground.insertJobs(6);
        const outcome = (wait: Promise<TakenJob | undefined>): Promise<unknown> =>
          wait.catch((error: unknown) => (error as { code: string }).code);
        const asked = [former, former, ...others].map((daemon, index) =>
          outcome(planes[index % 2]!.wait(daemon, 0)),
        );
        // Every other time the former process has a job already.
        if (round % 2 === 0) await asked[0];
        const [next, ...answers] = await Promise.all([ground.queue.restart(former), ...asked]);
        current = next;
        const rows = await ground.store.sql(
          `select id from jobs where daemon_id = $1 and status in ('running', 'canceling')`,
          [former.daemonId],
        );
        expect(rows).toEqual([]);
        lost += answers.slice(0, 2).filter((answer) => typeof answer === 'object').length;
        await ground.endAll();
      }
      expect(lost).toBeGreaterThanOrEqual(30);
    },
  );
});

/** Until the work waits for a lock of the database, or has settled without. */
async function untilBlocked(work: Promise<unknown>): Promise<void> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  void work.then(settle, settle);
  await until(async () => {
    const [row] = await ground.store.sql<{ blocked: number }>(
      `select count(*)::int as blocked from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(isSettled || row!.blocked > 0).toBe(true);
  });
}

describe('what is under way while a look is made', () => {
  it('a registration is waited for, and its former process gets nothing', async () => {
    const [former] = await ground.daemons(1);
    await ground.insertJobs(1);
    const registering = createDeferred<undefined>();
    const registered = ground.store.database.transaction(async (tx) => {
      await tx.query({
        name: 'test.raise_incarnation',
        text: 'update daemons set incarnation = incarnation + 1 where id = $1',
        values: [former!.daemonId],
      });
      await registering.promise;
    });
    const waiting = ground.replica().wait(former!, 0);
    await untilBlocked(waiting);
    registering.resolve(undefined);
    await registered;
    await expect(waiting).rejects.toMatchObject({ code: 'DAEMON_REPLACED' });
    expect(await ground.held()).toEqual([]);
  });

  it('another control plane’s creations are waited for and counted', async () => {
    const pool = await ground.make.pool(ground.template);
    await ground.make.prebuild(pool);
    await ground.make.prebuild(pool);
    const [one, two] = await ground.daemons(2);
    const handing = createDeferred<undefined>();
    // Its connection hands a creation out and is slow to commit.
    const slow: Database = {
      ...ground.store.database,
      transaction: (work, options) =>
        ground.store.database.transaction(async (tx) => {
          const result = await work(tx);
          await handing.promise;
          return result;
        }, options),
    };
    const first = ground.replica(slow, 1).wait(one!, 0);
    await until(async () => {
      const locks = await ground.store.sql(
        `select from pg_locks where locktype = 'advisory' and granted
         and database = (select oid from pg_database where datname = current_database())`,
      );
      expect(locks).toHaveLength(1);
    });
    const second = ground.replica(ground.store.database, 1).wait(two!, 0);
    await untilBlocked(second);
    handing.resolve(undefined);
    expect(await first).toBeDefined();
    expect(await second).toBeUndefined();
    expect(await ground.held()).toEqual([one!.daemonId]);
  });
});
