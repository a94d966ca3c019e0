// What happens to one job at the same time, in every order that chance finds.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import { silentLog, type Log } from '../../../src/base/log.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { reportWorkspaces } from '../../../src/jobs/report-workspaces.ts';
import {
  createFactory,
  type Factory,
  type TestBuild,
  type TestPool,
} from '../../support/factory.ts';
import { createQueue, FAILED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { refreshReadiness } from '../../support/refresh-readiness.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const retried: unknown[] = [];
const log: Log = {
  ...silentLog,
  debug: (event, fields) => {
    if (event === 'database.retried') retried.push(fields);
  },
  child: () => log,
};

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organizationId: OrganizationId;
let ownerId: UserId;
let pool: TestPool;
let daemon: TestDaemon;

beforeAll(async () => {
  store = await openTestStore(log);
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }));
  daemon = await queue.daemon({}, { organizationId });
  retried.length = 0;
});

/** The code of the refusal, or what was given. */
async function outcome<T>(work: Promise<T>): Promise<T | string> {
  return work.catch((error: unknown) => (error as { code?: string }).code ?? String(error));
}

describe('a cancel that meets an acquisition', () => {
  it('either comes first, or is told to the daemon', async () => {
    const builds = await Promise.all(
      Array.from({ length: 40 }, () => make.workspace(pool, { ownerId })),
    );
    const takes = Promise.all(builds.map(() => queue.take(daemon)));
    const cancels = Promise.all(builds.map(({ jobId }) => queue.cancel(jobId)));
    const taken = new Map((await takes).flatMap((job) => (job ? [[job.id, job] as const] : [])));
    for (const [index, answer] of (await cancels).entries()) {
      const { jobId } = builds[index]!;
      const job = taken.get(jobId);
      const row = await queue.status(jobId);
      if (job === undefined) {
        expect(answer).toBe('canceled');
        expect(row).toMatchObject({ status: 'canceled', attempt: 0 });
      } else {
        expect(answer).toBe('canceling');
        const attempt = { daemon, jobId, attempt: job.attempt };
        expect(await queue.heartbeat(attempt)).toEqual({ cancel: true, logFull: false });
      }
    }
    expect(retried).toEqual([]);
  });
});

describe('a result that meets the reaper', () => {
  it('counts, or is refused, and the job ends once', async () => {
    const attempts: AttemptRef[] = [];
    for (let i = 0; i < 24; i++) {
      await make.prebuild(pool);
      attempts.push(await queue.mustTake(daemon));
    }
    await store.advanceClock(46_000);
    await queue.watch();
    const results = Promise.all(attempts.map((attempt) => outcome(queue.complete(attempt))));
    const sweeps = Promise.all([queue.sweep(), queue.sweep(), queue.sweep()]);
    const hung = (await sweeps).flatMap((sweep) => sweep.hung);
    expect(new Set(hung).size).toBe(hung.length);
    for (const [index, result] of (await results).entries()) {
      const { jobId } = attempts[index]!;
      const isHung = hung.includes(jobId);
      expect(result).toBe(isHung ? 'ATTEMPT_STALE' : undefined);
      expect(await queue.status(jobId)).toMatchObject({ status: isHung ? 'failed' : 'succeeded' });
    }
    const [events] = await store.sql<{ ends: number }>(
      'select count(*)::int as ends from pool_events where pool_id = $1',
      [pool.poolId],
    );
    expect(events).toEqual({ ends: attempts.length });
    expect(retried).toEqual([]);
  });
});

describe('everything at once', () => {
  it('never ends in a deadlock, because everybody locks in one order', async () => {
    const builds: TestBuild[] = [];
    const attempts: AttemptRef[] = [];
    // Workspaces that live on a machine, so that what is reported of them counts.
    pool = await make.pool(
      await make.template({ organizationId, manifest: { driver: 'process' } }),
    );
    const drivers = ['process'];
    const daemons = [
      await queue.daemon({ drivers }, { organizationId }),
      await queue.daemon({ drivers }, { organizationId }),
    ];
    for (let i = 0; i < 16; i++) {
      const build = await make.prebuild(pool);
      await make.agent(build.workspaceId, { kind: 'check' });
      builds.push(build);
      attempts.push(await queue.mustTake(daemons[i % 2]!));
    }
    const workspaceIds = builds.map((build) => build.workspaceId);
    const random = (below: number): number => Math.floor(store.kit.rng.next() * below);
    const anyAttempt = (): AttemptRef => attempts[random(attempts.length)]!;
    const anyWorkspaces = (): WorkspaceId[] =>
      workspaceIds.filter(() => store.kit.rng.next() < 0.5).sort(() => store.kit.rng.next() - 0.5);

    const deeds: readonly (() => Promise<unknown>)[] = [
      () => queue.complete(anyAttempt()),
      () => queue.complete(anyAttempt(), FAILED),
      () => queue.cancel(anyAttempt().jobId),
      () => queue.heartbeat(anyAttempt(), [{ seq: random(99), at: 0, level: 'info', line: 'x' }]),
      () => queue.sweep({ deadAfterMs: 1 }),
      () => queue.take(daemons[random(2)]!),
      () =>
        reportWorkspaces(
          queue.deps,
          daemons[random(2)]!,
          anyWorkspaces().map((id) => ({
            id,
            state: random(8) === 0 ? ('gone' as const) : ('running' as const),
            ready: random(2) === 0,
          })),
        ),
      () => store.database.transaction((tx) => refreshReadiness(tx, anyWorkspaces())),
    ];
    const refusals = new Set<string>();
    await queue.watch();
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        for (let i = 0; i < 12; i++) {
          const result = await outcome(deeds[random(deeds.length)]!());
          if (typeof result === 'string') refusals.add(result);
        }
      }),
    );
    expect(retried).toEqual([]);
    // What was refused was refused as stale; nothing failed.
    expect([...refusals].filter((code) => code !== 'canceling' && code !== 'canceled')).toSatisfy(
      (codes: readonly string[]) =>
        codes.every((code) => ['ATTEMPT_STALE', 'succeeded', 'failed'].includes(code)),
    );
  });
});
