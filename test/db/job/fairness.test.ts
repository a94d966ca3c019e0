// Daemons that have more work than they can do, for hours: people never wait for what pools want, and
// pools never wait for ever for what people want.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobId, OrganizationId, UserId } from '../../../src/base/id.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const MINUTE = 60_000;

let store: TestStore;
let make: Factory;
/** Leaves one slot of the daemons to people, as a control plane does that is told nothing else. */
let queue: TestQueue;
let organizationId: OrganizationId;
let ownerId: UserId;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make, { maxCreations: null });
});
afterAll(() => store.close());
beforeEach(async () => {
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }), { desired: 200 });
});

const daemonOf = (slots: number): Promise<TestDaemon> =>
  queue.daemon({ slots }, { organizationId });
const person = async (): Promise<JobId> => (await make.workspace(pool, { ownerId })).jobId;
async function creations(count: number, ageMinutes: number): Promise<readonly JobId[]> {
  const jobs: JobId[] = [];
  for (let n = 0; n < count; n++) jobs.push((await make.prebuild(pool)).jobId);
  await store.sql(
    `update jobs set created_at = created_at - $2 * interval '1 minute' where id = any ($1)`,
    [jobs, ageMinutes],
  );
  return jobs;
}
/** As many as it has slots. */
async function take(daemon: TestDaemon, slots: number): Promise<readonly AttemptRef[]> {
  const taken: AttemptRef[] = [];
  while (taken.length < slots) {
    const job = await queue.take(daemon);
    if (job === undefined) break;
    taken.push({ daemon, jobId: job.id, attempt: job.attempt });
  }
  return taken;
}
/** For a turn, and everything that was taken ends in it. */
async function work(daemon: TestDaemon, slots: number): Promise<readonly JobId[]> {
  const taken = await take(daemon, slots);
  for (const attempt of taken) await queue.complete(attempt);
  await store.advanceClock(MINUTE);
  return taken.map(({ jobId }) => jobId);
}

describe('people', () => {
  it('are served at once while hundreds of old builds of a pool wait', async () => {
    const daemon = await daemonOf(3);
    const waiting = new Set(await creations(100, 300));
    for (let turn = 0; turn < 30; turn++) {
      const wanted = await person();
      const done = await work(daemon, 3);
      expect(done).toContain(wanted);
      // The other slots are the pool's: nothing is left idle for people who might come.
      expect(done.filter((jobId) => waiting.delete(jobId))).toHaveLength(2);
    }
  });
});

describe('a pool', () => {
  it('is built for within twenty minutes although people never stop coming', async () => {
    const daemon = await daemonOf(1);
    const [wanted] = await creations(1, 0);
    const turns: JobId[] = [];
    while (!turns.includes(wanted!) && turns.length < 60) {
      // Twice as many as can be served.
      await person();
      await person();
      turns.push(...(await work(daemon, 1)));
    }
    // It was lifted to the class of people by then, and is older than all who wait.
    expect(turns.indexOf(wanted!)).toBe(20);
  });

  it('of many is built for in its turn, however much the others want', async () => {
    const daemon = await daemonOf(2);
    const greedy = await creations(50, 5);
    const small = await make.pool(pool, { desired: 1 });
    const { jobId: wanted } = await make.prebuild(small);
    const done: JobId[] = [];
    while (!done.includes(wanted) && done.length < 100) done.push(...(await work(daemon, 2)));
    expect(done.indexOf(wanted)).toBeLessThanOrEqual(greedy.length);
  });
});
