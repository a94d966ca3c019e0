// What it costs to wait for work, what it shows of a daemon, and how it ends.
import { describe, expect, it } from 'vitest';
import { acquireJob } from '../../../src/jobs/acquire-job.ts';
import { revokeProvisionerKey } from '../../../src/people/provisioner-key.ts';
import type { Database } from '../../../src/store/database.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { countStatements } from '../../support/counted-database.ts';
import { createQueue } from '../../support/queue.ts';
import { countQueries, isLook, useQueueGround } from '../../support/queue-ground.ts';
import { until } from '../../support/until.ts';

const ground = useQueueGround();

describe('waiting', () => {
  it('costs one statement a notice, however many daemons wait', async () => {
    const { database, looks } = countQueries(ground.store.database);
    const bus = createNoticeBus({ ...ground.store.kit, database });
    const there = createQueue({ ...ground.store, database }, ground.make, { bus, pollMs: 60_000 });
    const waiting = await ground.daemons(200);
    const over = new AbortController();
    const waits = waiting.map((daemon) =>
      acquireJob(there.deps, daemon, { signal: over.signal, waitMs: 60_000 }),
    );
    // Everybody was looked for once.
    const slots = (): number => looks.reduce((sum, each) => sum + each, 0);
    await until(() => expect(slots()).toBe(200));
    const before = looks.length;
    const { jobId } = await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    ground.store.database.announce([
      { kind: 'queue', organizationId: ground.organizationId, driver: 'null' },
    ]);
    const taken = await Promise.race(waits);
    expect(taken?.id).toBe(jobId);
    expect(looks.slice(before)).toEqual([200]);
    over.abort();
    expect((await Promise.all(waits)).filter((job) => job !== undefined)).toHaveLength(1);
  });

  it('is noted as a sign of life now and then', async () => {
    let aheadMs = 0;
    const { clock } = ground.store.kit;
    const kit = {
      ...ground.store.kit,
      clock: { ...clock, monotonicMs: () => clock.monotonicMs() + aheadMs },
    };
    const { database, counts } = countQueries(ground.store.database);
    const there = createQueue({ ...ground.store, kit, database }, ground.make, { pollMs: 10 });
    const daemon = await ground.queue.daemon({}, { organizationId: ground.organizationId });
    const over = new AbortController();
    const waiting = acquireJob(there.deps, daemon, { signal: over.signal, waitMs: 60_000 });
    const silence = async (): Promise<number> => {
      const [row] = await ground.store.sql<{ seconds: number }>(
        `select extract(epoch from standby_now() - last_seen_at)::float8 as seconds
         from daemons where id = $1`,
        [daemon.daemonId],
      );
      return row!.seconds;
    };
    await until(() => expect(counts.get('job.take_of_one')).toBeGreaterThan(0));
    await ground.store.advanceClock(30_000);
    expect(await silence()).toBeGreaterThan(29);
    aheadMs = 30_000;
    await until(async () => expect(await silence()).toBeLessThan(20));
    over.abort();
    await waiting;
  });

  it('takes creations at once where it is told of one after another', async () => {
    const { store, make, organizationId } = ground;
    const counted = countStatements(store.database);
    const { database, looks } = countQueries(counted);
    const bus = createNoticeBus({ ...store.kit, database });
    const there = createQueue({ ...store, database }, make, { bus, pollMs: 60_000 });
    const daemon = await ground.queue.daemon({}, { organizationId });
    const over = new AbortController();
    const wait = (): Promise<TakenJob | undefined> =>
      acquireJob(there.deps, daemon, { signal: over.signal, waitMs: 60_000 });
    // What it knows is forgotten when nobody waits any more: of two slots one always does.
    const waits = [wait(), wait()];
    const takeNext = async (): Promise<readonly [TakenJob | undefined, readonly string[]]> => {
      counted.take();
      store.database.announce([{ kind: 'queue', organizationId, driver: 'null' }]);
      const [place, job] = await Promise.race(
        waits.map(async (waiting, n) => [n, await waiting] as const),
      );
      const asked = counted.take().statements.filter((name) => name.startsWith('job.'));
      const before = looks.length;
      waits[place] = wait();
      // Who joins is looked for at once, and is told of the next job after that.
      await until(() => expect(looks.length).toBeGreaterThan(before));
      return [job, asked];
    };
    await until(() => expect(looks.length).toBeGreaterThan(0));
    const pool = await make.pool(ground.template);
    const creations = ['job.lock_creations', 'job.take_creations'];
    for (const asked of [['job.take_of_one', ...creations], creations, creations]) {
      const { jobId } = await make.prebuild(pool);
      expect(await takeNext()).toEqual([expect.objectContaining({ id: jobId, class: 4 }), asked]);
    }
    // What is no creation is taken by the same look, and the next one expects none.
    for (const asked of [creations, ['job.take_of_one']]) {
      const { jobId } = await make.workspace(ground.template, { ownerId: ground.ownerId });
      expect(await takeNext()).toEqual([expect.objectContaining({ id: jobId }), asked]);
    }
    // Nor does it expect one twice where others take what all are told of.
    await make.prebuild(pool);
    await takeNext();
    counted.take();
    const inVain: string[] = [];
    for (const last of ['job.take_creations', 'job.take_of_one']) {
      store.database.announce([{ kind: 'queue', organizationId, driver: 'null' }]);
      await until(() => {
        inVain.push(...counted.take().statements.filter((name) => name.startsWith('job.')));
        expect(inVain.at(-1)).toBe(last);
      });
    }
    expect(inVain).toEqual([...creations, 'job.take_of_one']);
    over.abort();
    await Promise.all(waits);
  });

  it('is not what a daemon whose slots are all taken shows: its heartbeats are', async () => {
    const [daemon] = await ground.daemons(1);
    await ground.insertJobs(1);
    const attempt = await ground.queue.mustTake(daemon!);
    await ground.store.advanceClock(30_000);
    await ground.queue.heartbeat(attempt);
    const [row] = await ground.store.sql(
      `select standby_now() - last_seen_at < interval '20 seconds' as is_seen
       from daemons where id = $1`,
      [daemon!.daemonId],
    );
    expect(row).toEqual({ is_seen: true });
  });

  it('is not what a daemon of short jobs shows either: that it takes them does', async () => {
    const [daemon] = await ground.daemons(1);
    await ground.store.advanceClock(30_000);
    await ground.insertJobs(1);
    await ground.queue.mustTake(daemon!);
    const [row] = await ground.store.sql(
      `select standby_now() - last_seen_at < interval '20 seconds' as is_seen
       from daemons where id = $1`,
      [daemon!.daemonId],
    );
    expect(row).toEqual({ is_seen: true });
  });

  it('of a daemon that the database has forgotten ends in NOT_FOUND', async () => {
    const [daemon] = await ground.daemons(1);
    expect(await ground.queue.take(daemon!)).toBeUndefined();
    await ground.store.sql('delete from daemons where id = $1', [daemon!.daemonId]);
    await ground.insertJobs(1);
    await expect(ground.queue.take(daemon!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await ground.endAll();
  });

  it('ends at once for daemons whose key is revoked, and for nobody else', async () => {
    const bus = createNoticeBus({ ...ground.store.kit, database: ground.store.database });
    const { database, looks } = countQueries(ground.store.database);
    const there = createQueue({ ...ground.store, database }, ground.make, { bus, pollMs: 60_000 });
    const [revoked, other] = await ground.daemons(2);
    const over = new AbortController();
    const options = { signal: over.signal, waitMs: 60_000 };
    const waits: Promise<TakenJob | undefined>[] = [];
    for (const daemon of [revoked!, other!]) {
      waits.push(acquireJob(there.deps, daemon, options));
      await until(() => expect(looks).toHaveLength(waits.length));
    }
    const admin = { userId: ground.ownerId, isAdmin: true };
    await revokeProvisionerKey(ground.store.database, admin, revoked!.keyId);
    await expect(waits[0]).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    over.abort();
    expect(await waits[1]).toBeUndefined();
    // Nor does a look give it anything, should the notice be lost.
    await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    await expect(ground.queue.take(revoked!)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await ground.queue.take(other!)).toBeDefined();
  });

  it('ends for all in the error of a look, and goes on for those who come back', async () => {
    let isBroken = true;
    const query: Database['query'] = (asked) => {
      if (isLook(asked) && isBroken) return Promise.reject(new Error('broken'));
      return ground.store.database.query(asked);
    };
    const plane = ground.replica({ ...ground.store.database, query });
    const [one, two] = await ground.daemons(2);
    const waits = [one!, two!].map((daemon) => plane.wait(daemon));
    const answers = await Promise.allSettled(waits);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    const { jobId } = await ground.make.workspace(ground.template, { ownerId: ground.ownerId });
    expect(await plane.wait(one!)).toMatchObject({ id: jobId });
  });
});
