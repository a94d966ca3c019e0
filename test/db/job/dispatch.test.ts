// Daemons that wait together: who gets what, that nobody gets anything twice, and what it costs.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createId, type JobId, type OrganizationId, type UserId } from '../../../src/base/id.ts';
import { acquireJob, type AcquireDeps } from '../../../src/jobs/acquire-job.ts';
import type { DaemonRef } from '../../../src/jobs/attempt.ts';
import { createDispatcher } from '../../../src/jobs/dispatcher.ts';
import { revokeProvisionerKey } from '../../../src/people/provisioner-key.ts';
import type { Database } from '../../../src/store/database.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { createDeferred } from '../../support/deferred.ts';
import {
  createFactory,
  type Factory,
  type TestPool,
  type TestTemplate,
} from '../../support/factory.ts';
import {
  createQueue,
  DEAF,
  DISPATCH,
  type TestDaemon,
  type TestQueue,
} from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organizationId: OrganizationId;
let ownerId: UserId;
let template: TestTemplate;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  await endAll();
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  template = await make.template({ organizationId });
});

/** Whatever a test left behind in the queue is not the next one's business. */
async function endAll(): Promise<void> {
  await store.sql(
    `update jobs set canceled_at = standby_now(), completed_at = standby_now()
     where completed_at is null`,
  );
}

const forever = (): AbortSignal => new AbortController().signal;

/** A control plane of its own on the same database. */
const replica = (database: Database = store.open(), maxCreations: number | null = 1_000) => {
  const dispatcher = createDispatcher(
    { ...store.kit, database, bus: DEAF },
    { ...DISPATCH, pollMs: 10, maxCreations },
  );
  const deps: AcquireDeps = { ...store.kit, keyring: store.keyring, database, dispatcher };
  return {
    wait: (daemon: DaemonRef, waitMs = 60_000, signal = forever()) =>
      acquireJob(deps, daemon, { signal, waitMs }),
  };
};

const daemons = (count: number, change: Parameters<TestQueue['daemon']>[0] = {}) =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      queue.daemon({ machineId: `machine ${index}`, ...change }, { organizationId }),
    ),
  );

/** Queries of a name, counted as they are made. */
function countQueries(database: Database): {
  readonly database: Database;
  readonly counts: ReadonlyMap<string, number>;
  /** Slots that each look that was made was for. */
  readonly looks: readonly number[];
} {
  const counts = new Map<string, number>();
  const looks: number[] = [];
  const query: Database['query'] = async (asked) => {
    counts.set(asked.name, (counts.get(asked.name) ?? 0) + 1);
    const result = await database.query(asked);
    if (asked.name === 'job.take' || asked.name === 'job.any_fits') {
      looks.push(
        Math.max(...asked.values.map((value) => (Array.isArray(value) ? value.length : 0))),
      );
    }
    return result;
  };
  return { database: { ...database, query }, counts, looks };
}

describe('jobs for daemons that wait together', () => {
  it('go to each of them, and what lives on one machine goes there', async () => {
    const [a, b, c] = await daemons(3, { drivers: ['process'] });
    const bound = (machineId: string) =>
      make.workspace(template, { ownerId, driver: 'process', machineId, jobClass: 1 });
    // More of one machine, and more urgent, than there are slots altogether.
    const here = [await bound('machine 0'), await bound('machine 0'), await bound('machine 0')];
    const there = await bound('machine 2');
    const free = await make.workspace(template, { ownerId, driver: 'process' });

    const plane = replica();
    const taken = await Promise.all([a!, b!, c!].map((daemon) => plane.wait(daemon)));
    expect(taken.map((job) => job?.id)).toEqual([here[0]!.jobId, free.jobId, there.jobId]);
    const [row] = await store.sql('select machine_id from jobs where id = $1', [free.jobId]);
    expect(row).toEqual({ machine_id: 'machine 1' });
  });

  it('are the most urgent ones', async () => {
    const jobs: JobId[] = [];
    for (const jobClass of [3, 2, 3, 1, 2] as const) {
      jobs.push((await make.workspace(template, { ownerId, jobClass })).jobId);
    }
    const plane = replica();
    const waiting = await daemons(3);
    const taken = await Promise.all(waiting.map((daemon) => plane.wait(daemon)));
    expect(new Set(taken.map((job) => job?.id))).toEqual(new Set([jobs[3], jobs[1], jobs[4]]));
  });

  it('go to every daemon once before any gets a second one', async () => {
    const [first, second] = await daemons(2);
    await insertJobs(2);
    const { kit, database } = store;
    const dispatcher = createDispatcher({ ...kit, database, bus: DEAF }, DISPATCH);
    const group = dispatcher.groupOf({
      organizationId,
      drivers: ['null'],
      tags: {},
      protocolVersion: 2,
    });
    const over = new AbortController();
    // All of them join before the first look.
    const waits = [first!, first!, first!, second!].map((daemon) =>
      group.wait({ ...daemon, machineId: 'machine', callId: createId(store.kit) }, over.signal),
    );
    await vi.waitFor(async () => expect(await held()).toHaveLength(2));
    expect(new Set(await held())).toEqual(new Set([first!.daemonId, second!.daemonId]));
    over.abort();
    expect((await Promise.all(waits)).filter((job) => job !== undefined)).toHaveLength(2);
  });

  it('are told apart from those of others by organization, drivers and tags', async () => {
    const other = await make.organization();
    const plane = replica();
    const foreign = await queue.daemon({}, { organizationId: other });
    const tagged = await queue.daemon({ tags: { zone: 'eu' } }, { organizationId });
    const { jobId } = await make.workspace(template, { ownerId, tags: { zone: 'eu' } });
    const plain = await queue.daemon({}, { organizationId });
    const [none, neither, taken] = await Promise.all([
      plane.wait(foreign, 0),
      plane.wait(plain, 0),
      plane.wait(tagged, 0),
    ]);
    expect([none, neither, taken?.id]).toEqual([undefined, undefined, jobId]);
  });
});

/** Jobs without a build, in one statement. */
async function insertJobs(count: number): Promise<void> {
  await store.sql(
    `insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at)
     select gen_random_uuid(), 'template_version_import', $1, 'null', $2, 2, standby_now()
     from generate_series(1, $3::integer)`,
    [organizationId, ownerId, count],
  );
}

async function held(): Promise<readonly string[]> {
  const rows = await store.sql<{ daemon_id: string }>(
    `select daemon_id from jobs where status = 'running' and organization_id = $1`,
    [organizationId],
  );
  return rows.map(({ daemon_id: id }) => id);
}

const NESTED_LOOPS_ONLY = ['enable_hashjoin', 'enable_mergejoin', 'enable_hashagg', 'enable_sort'];

describe.each([
  ['as the planner likes', []],
  ['with the planner forced into nested loops', NESTED_LOOPS_ONLY],
])('fifty daemons at two control planes, %s', (_, off) => {
  beforeAll(async () => {
    for (const setting of off) {
      await store.sql(`alter database ${store.connection.database} set ${setting} = off`);
    }
  });
  afterAll(async () => {
    for (const setting of off) {
      await store.sql(`alter database ${store.connection.database} reset ${setting}`);
    }
  });

  it('do five hundred jobs in exactly one attempt each', { timeout: 60_000 }, async () => {
    const planes = [replica(store.open(5)), replica(store.open(5))];
    const waiting = await daemons(50);
    await insertJobs(250);
    const taken: JobId[] = [];
    const over = new AbortController();
    const working = waiting.map(async (daemon, index) => {
      for (;;) {
        const job = await planes[index % 2]!.wait(daemon, 60_000, over.signal);
        if (job === undefined) return;
        taken.push(job.id);
        if (taken.length === 500) over.abort();
        await queue.complete({ daemon, jobId: job.id, attempt: job.attempt });
      }
    });
    // More comes while they work.
    for (let burst = 0; burst < 5; burst++) await insertJobs(50);
    await Promise.all(working);
    expect(new Set(taken).size).toBe(500);
    const [jobs] = await store.sql(
      `select count(*)::int as done, max(attempt) as attempts
       from jobs where organization_id = $1 and status = 'succeeded' and attempt > 0`,
      [organizationId],
    );
    expect(jobs).toEqual({ done: 500, attempts: 1 });
  });
});

describe('a daemon that is replaced while its group looks', () => {
  it(
    'holds nothing afterwards that its former process was handed',
    { timeout: 60_000 },
    async () => {
      const planes = [replica(), replica()];
      let current: TestDaemon = (await daemons(1))[0]!;
      const others = await daemons(3);
      let lost = 0;
      for (let round = 0; round < 60; round++) {
        const former = current;
        await insertJobs(6);
        const outcome = (wait: Promise<TakenJob | undefined>): Promise<unknown> =>
          wait.catch((error: unknown) => (error as { code: string }).code);
        const asked = [former, former, ...others].map((daemon, index) =>
          outcome(planes[index % 2]!.wait(daemon, 0)),
        );
        // Every other time the former process has a job already.
        if (round % 2 === 0) await asked[0];
        const [next, ...answers] = await Promise.all([queue.restart(former), ...asked]);
        current = next;
        const rows = await store.sql(
          `select id from jobs where daemon_id = $1 and status in ('running', 'canceling')`,
          [former.daemonId],
        );
        expect(rows).toEqual([]);
        lost += answers.slice(0, 2).filter((answer) => typeof answer === 'object').length;
        await endAll();
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
  await vi.waitFor(async () => {
    const [row] = await store.sql<{ blocked: number }>(
      `select count(*)::int as blocked from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(isSettled || row!.blocked > 0).toBe(true);
  });
}

describe('what is under way while a look is made', () => {
  it('a registration is waited for, and its former process gets nothing', async () => {
    const [former] = await daemons(1);
    await insertJobs(1);
    const registering = createDeferred<undefined>();
    const registered = store.database.transaction(async (tx) => {
      await tx.query({
        name: 'test.raise_incarnation',
        text: 'update daemons set incarnation = incarnation + 1 where id = $1',
        values: [former!.daemonId],
      });
      await registering.promise;
    });
    const waiting = replica().wait(former!, 0);
    await untilBlocked(waiting);
    registering.resolve(undefined);
    await registered;
    await expect(waiting).rejects.toMatchObject({ code: 'DAEMON_REPLACED' });
    expect(await held()).toEqual([]);
  });

  it('another control plane’s creations are waited for and counted', async () => {
    const pool = await make.pool(template);
    await make.prebuild(pool);
    await make.prebuild(pool);
    const [one, two] = await daemons(2);
    const handing = createDeferred<undefined>();
    // Its connection hands a creation out and is slow to commit.
    const slow: Database = {
      ...store.database,
      transaction: (work, options) =>
        store.database.transaction(async (tx) => {
          const result = await work(tx);
          await handing.promise;
          return result;
        }, options),
    };
    const first = replica(slow, 1).wait(one!, 0);
    await vi.waitFor(async () => {
      const locks = await store.sql(
        `select from pg_locks where locktype = 'advisory' and granted
         and database = (select oid from pg_database where datname = current_database())`,
      );
      expect(locks).toHaveLength(1);
    });
    const second = replica(store.database, 1).wait(two!, 0);
    await untilBlocked(second);
    handing.resolve(undefined);
    expect(await first).toBeDefined();
    expect(await second).toBeUndefined();
    expect(await held()).toEqual([one!.daemonId]);
  });
});

describe('waiting', () => {
  it('costs one statement a notice, however many daemons wait', async () => {
    const { database, looks } = countQueries(store.database);
    const bus = createNoticeBus({ ...store.kit, database });
    const there = createQueue({ ...store, database }, make, { bus, pollMs: 60_000 });
    const waiting = await daemons(200);
    const over = new AbortController();
    const waits = waiting.map((daemon) =>
      acquireJob(there.deps, daemon, { signal: over.signal, waitMs: 60_000 }),
    );
    // Everybody was looked for once.
    const slots = (): number => looks.reduce((sum, each) => sum + each, 0);
    await vi.waitFor(() => expect(slots()).toBe(200));
    const before = looks.length;
    const { jobId } = await make.workspace(template, { ownerId });
    store.database.announce([{ kind: 'queue', organizationId, driver: 'null' }]);
    const taken = await Promise.race(waits);
    expect(taken?.id).toBe(jobId);
    expect(looks.slice(before)).toEqual([200]);
    over.abort();
    expect((await Promise.all(waits)).filter((job) => job !== undefined)).toHaveLength(1);
  });

  it('is noted as a sign of life now and then', async () => {
    let aheadMs = 0;
    const { clock } = store.kit;
    const kit = {
      ...store.kit,
      clock: { ...clock, monotonicMs: () => clock.monotonicMs() + aheadMs },
    };
    const { database, counts } = countQueries(store.database);
    const there = createQueue({ ...store, kit, database }, make, { pollMs: 10 });
    const daemon = await queue.daemon({}, { organizationId });
    const over = new AbortController();
    const waiting = acquireJob(there.deps, daemon, { signal: over.signal, waitMs: 60_000 });
    const silence = async (): Promise<number> => {
      const [row] = await store.sql<{ seconds: number }>(
        `select extract(epoch from standby_now() - last_seen_at)::float8 as seconds
         from daemons where id = $1`,
        [daemon.daemonId],
      );
      return row!.seconds;
    };
    await vi.waitFor(() => expect(counts.get('job.take')).toBeGreaterThan(0));
    await store.advanceClock(30_000);
    expect(await silence()).toBeGreaterThan(29);
    aheadMs = 30_000;
    await vi.waitFor(async () => expect(await silence()).toBeLessThan(20));
    over.abort();
    await waiting;
  });

  it('is not what a daemon whose slots are all taken shows: its heartbeats are', async () => {
    const [daemon] = await daemons(1);
    await insertJobs(1);
    const attempt = await queue.mustTake(daemon!);
    await store.advanceClock(30_000);
    await queue.heartbeat(attempt);
    const [row] = await store.sql(
      `select standby_now() - last_seen_at < interval '20 seconds' as is_seen
       from daemons where id = $1`,
      [daemon!.daemonId],
    );
    expect(row).toEqual({ is_seen: true });
  });

  it('is not what a daemon of short jobs shows either: that it takes them does', async () => {
    const [daemon] = await daemons(1);
    await store.advanceClock(30_000);
    await insertJobs(1);
    await queue.mustTake(daemon!);
    const [row] = await store.sql(
      `select standby_now() - last_seen_at < interval '20 seconds' as is_seen
       from daemons where id = $1`,
      [daemon!.daemonId],
    );
    expect(row).toEqual({ is_seen: true });
  });

  it('of a daemon that the database has forgotten ends in NOT_FOUND', async () => {
    const [daemon] = await daemons(1);
    expect(await queue.take(daemon!)).toBeUndefined();
    await store.sql('delete from daemons where id = $1', [daemon!.daemonId]);
    await insertJobs(1);
    await expect(queue.take(daemon!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await endAll();
  });

  it('ends at once for daemons whose key is revoked, and for nobody else', async () => {
    const bus = createNoticeBus({ ...store.kit, database: store.database });
    const { database, looks } = countQueries(store.database);
    const there = createQueue({ ...store, database }, make, { bus, pollMs: 60_000 });
    const [revoked, other] = await daemons(2);
    const over = new AbortController();
    const options = { signal: over.signal, waitMs: 60_000 };
    const waits: Promise<TakenJob | undefined>[] = [];
    for (const daemon of [revoked!, other!]) {
      waits.push(acquireJob(there.deps, daemon, options));
      await vi.waitFor(() => expect(looks).toHaveLength(waits.length));
    }
    const admin = { userId: ownerId, isAdmin: true };
    await revokeProvisionerKey(store.database, admin, revoked!.keyId);
    await expect(waits[0]).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    over.abort();
    expect(await waits[1]).toBeUndefined();
    // Nor does a look give it anything, should the notice be lost.
    await make.workspace(template, { ownerId });
    await expect(queue.take(revoked!)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await queue.take(other!)).toBeDefined();
  });

  it('ends for all in the error of a look, and goes on for those who come back', async () => {
    let isBroken = true;
    const query: Database['query'] = (asked) => {
      if (asked.name === 'job.take' && isBroken) return Promise.reject(new Error('broken'));
      return store.database.query(asked);
    };
    const plane = replica({ ...store.database, query });
    const [one, two] = await daemons(2);
    const waits = [one!, two!].map((daemon) => plane.wait(daemon));
    const answers = await Promise.allSettled(waits);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    const { jobId } = await make.workspace(template, { ownerId });
    expect(await plane.wait(one!)).toMatchObject({ id: jobId });
  });
});

describe('creations for pools', () => {
  let pool: TestPool;
  beforeEach(async () => {
    pool = await make.pool(template);
    // Daemons of other tests serve other organizations.
    await store.sql(
      `update daemons set last_seen_at = last_seen_at - interval '1 day'
      where organization_id is distinct from $1`,
      [organizationId],
    );
  });

  const running = async (): Promise<number> => (await held()).length;

  it('leave one slot of the organization’s daemons free', async () => {
    const [small, large] = [
      ...(await daemons(1, { slots: 1 })),
      ...(await daemons(1, { slots: 3 })),
    ];
    const plane = replica(store.database, null);
    for (let i = 0; i < 5; i++) await make.prebuild(pool);
    const taken = await Promise.all(
      [large!, large!, large!, small!].map((daemon) => plane.wait(daemon, 0)),
    );
    expect(taken.filter((job) => job !== undefined)).toHaveLength(3);
    const person = await make.workspace(template, { ownerId });
    expect(await plane.wait(small!, 0)).toMatchObject({ id: person.jobId });
    expect(await plane.wait(large!, 0)).toBeUndefined();

    const done = taken.find((job) => job !== undefined)!;
    await store.sql(
      'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
      [done.id],
    );
    expect(await plane.wait(large!, 0)).toBeDefined();
    expect(await running()).toBe(4);
  });

  it('may use the only slot there is, or as many as are configured', async () => {
    const [only] = await daemons(1, { slots: 1 });
    for (let i = 0; i < 4; i++) await make.prebuild(pool);
    expect(await replica(store.database, null).wait(only!, 0)).toBeDefined();
    expect(await replica(store.database, null).wait(only!, 0)).toBeUndefined();
    const configured = replica(store.database, 2);
    expect(await configured.wait(only!, 0)).toBeDefined();
    expect(await configured.wait(only!, 0)).toBeUndefined();
  });

  it('keep their place in the queue by their age, and the limit all the same', async () => {
    const [daemon] = await daemons(1, { slots: 2 });
    const plane = replica(store.database, null);
    const aged = [await make.prebuild(pool), await make.prebuild(pool)];
    await store.sql(
      `update jobs set created_at = created_at - interval '30 minutes' where id = any ($1)`,
      [aged.map(({ jobId }) => jobId)],
    );
    const person = await make.workspace(template, { ownerId });
    const order = [await plane.wait(daemon!, 0), await plane.wait(daemon!, 0)];
    expect(order.map((job) => job?.id)).toEqual([aged[0]!.jobId, person.jobId]);
    expect(await plane.wait(daemon!, 0)).toBeUndefined();
  });

  it(
    'never exceed the limit, however many control planes hand them out',
    { timeout: 60_000 },
    async () => {
      const planes = [1, 2, 3].map(() => replica(store.open(4), 5));
      const waiting = await daemons(12);
      for (let round = 0; round < 15; round++) {
        for (let i = 0; i < 8; i++) await make.prebuild(pool);
        await Promise.all(
          waiting.map((daemon, index) => planes[index % planes.length]!.wait(daemon, 0)),
        );
        expect(await running()).toBe(5);
        await endAll();
      }
    },
  );

  it('of one organization do not count for another', async () => {
    const everywhere = await queue.daemon({ slots: 2 });
    const plane = replica(store.database, null);
    const other = await make.pool(
      await make.template({ organizationId: await make.organization() }),
    );
    for (const each of [pool, pool, other, other]) await make.prebuild(each);
    const taken = [];
    for (let i = 0; i < 4; i++) taken.push(await plane.wait(everywhere, 0));
    expect(taken.map((job) => job?.organizationId)).toEqual([
      organizationId,
      other.organizationId,
      undefined,
      undefined,
    ]);
  });
});
