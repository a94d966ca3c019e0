// Attempts whose daemons are gone: registered anew, silent, or never there.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createId,
  type OrganizationId,
  type RegistrationId,
  type UserId,
} from '../../../src/base/id.ts';
import { createReaper } from '../../../src/jobs/reaper.ts';
import { registerDaemon } from '../../../src/jobs/register-daemon.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import {
  createQueue,
  RUN_TIME,
  SWEEP,
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
});
afterAll(() => store.close());

beforeEach(async () => {
  organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }));
  daemon = await queue.daemon({}, { organizationId });
  await queue.watch();
});

/** Lets time pass in which looks were made as they should be. */
async function pass(ms: number): Promise<void> {
  await store.advanceClock(ms);
  await queue.watch();
}

describe('a daemon that registers again', () => {
  it('loses its starts at once', async () => {
    const { jobId } = await make.prebuild(pool);
    await queue.mustTake(daemon);
    const { incarnation, endedAttempts } = await registerDaemon(
      queue.deps,
      daemon.key,
      daemon.asked,
    );
    expect(incarnation).toBe(daemon.incarnation + 1);
    expect(endedAttempts).toEqual([{ jobId, attempt: 1 }]);
    expect(await queue.status(jobId)).toMatchObject({
      status: 'failed',
      error_code: 'daemon_lost',
    });
  });

  it('gets imports and deletes back into the queue, three times at most', async () => {
    const { jobId } = await make.version(pool);
    let current = daemon;
    for (const attempt of [1, 2]) {
      expect(await queue.mustTake(current)).toMatchObject({ jobId, attempt });
      current = await queue.restart(current);
      expect(await queue.status(jobId)).toMatchObject({
        status: 'pending',
        attempt,
        daemon_id: null,
      });
    }
    await queue.mustTake(current);
    await queue.restart(current);
    expect(await queue.status(jobId)).toMatchObject({
      status: 'failed',
      error_code: 'daemon_lost',
      attempt: 3,
    });
  });

  it('gives a delete of what lives nowhere to any machine', async () => {
    const built = await make.prebuild(pool, { driver: 'process' });
    await queue.cancel(built.jobId);
    const { jobId } = await make.nextBuild(pool, built, {
      transition: 'delete',
      initiatorId: ownerId,
      driver: 'process',
    });
    const here = await queue.daemon({ drivers: ['process'], machineId: 'here' });
    await queue.mustTake(here);
    await queue.restart(here);
    const there = await queue.daemon({ drivers: ['process'], machineId: 'there' });
    expect(await queue.mustTake(there)).toMatchObject({ jobId, attempt: 2 });
  });

  it('is refused with what its former process still says', async () => {
    await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await queue.restart(daemon);
    await expect(queue.complete(attempt)).rejects.toMatchObject({ code: 'DAEMON_REPLACED' });
    await expect(queue.heartbeat(attempt)).rejects.toMatchObject({ code: 'DAEMON_REPLACED' });
  });

  it('does not repeat what somebody wanted canceled', async () => {
    const { jobId } = await make.version(pool);
    await queue.mustTake(daemon);
    await queue.cancel(jobId);
    await queue.restart(daemon);
    expect(await queue.status(jobId)).toMatchObject({ status: 'failed' });
  });

  it('leaves other daemons’ attempts alone', async () => {
    const other = await queue.daemon({}, { organizationId });
    const { jobId } = await make.prebuild(pool);
    await queue.mustTake(other);
    await queue.restart(daemon);
    expect(await queue.status(jobId)).toMatchObject({ status: 'running' });
  });

  it('keeps what it took since, however late its registration is carried out once more', async () => {
    const { jobId } = await make.prebuild(pool);
    const asked = { ...daemon.asked, registrationId: createId<RegistrationId>(store.kit) };
    const { incarnation } = await registerDaemon(queue.deps, daemon.key, asked);
    const current = { ...daemon, incarnation };
    const attempt = await queue.mustTake(current);
    expect(await registerDaemon(queue.deps, daemon.key, asked)).toEqual({
      incarnation,
      endedAttempts: [],
    });
    await queue.complete(attempt);
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('ends what a registration has left behind that was cut off', async () => {
    const { jobId } = await make.prebuild(pool);
    const asked = { ...daemon.asked, registrationId: createId<RegistrationId>(store.kit) };
    await queue.mustTake(daemon);
    // All that its control plane came to.
    await store.sql(
      'update daemons set incarnation = incarnation + 1, registration_id = $2 where id = $1',
      [daemon.daemonId, asked.registrationId],
    );
    const { endedAttempts } = await registerDaemon(queue.deps, daemon.key, asked);
    expect(endedAttempts).toEqual([{ jobId, attempt: 1 }]);
  });

  it('is refused under another key', async () => {
    const keyId = await make.key();
    const key = { keyId, organizationId: null, tags: {} };
    await expect(registerDaemon(queue.deps, key, daemon.asked)).rejects.toMatchObject({
      code: 'DAEMON_ID_TAKEN',
    });
    expect(await queue.take(daemon)).toBeUndefined();
  });
});

describe('a silent attempt', () => {
  it('of a start fails as hung, after the whole time and not before', async () => {
    const { jobId, workspaceId } = await make.prebuild(pool);
    await queue.mustTake(daemon);
    await pass(44_000);
    expect((await queue.sweep()).hung).not.toContain(jobId);
    await pass(2_000);
    expect((await queue.sweep()).hung).toContain(jobId);
    expect(await queue.status(jobId)).toMatchObject({ status: 'failed', error_code: 'hung' });
    const members = await store.sql(
      'select running_since, ready from pool_members where workspace_id = $1',
      [workspaceId],
    );
    expect(members).toEqual([{ running_since: null, ready: false }]);
  });

  it('of a delete is queued again, and announced to daemons', async () => {
    const first = await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon));
    const { jobId } = await make.nextBuild(pool, first, {
      transition: 'delete',
      initiatorId: ownerId,
    });
    await queue.mustTake(daemon);
    await pass(46_000);
    store.announced.length = 0;
    await queue.sweep();
    expect(await queue.status(jobId)).toMatchObject({ status: 'pending', attempt: 1 });
    expect(store.announced).toContainEqual({ kind: 'queue', organizationId, driver: 'null' });
  });

  it('is none while heartbeats come', async () => {
    const { jobId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    for (let i = 0; i < 5; i++) {
      await pass(20_000);
      await queue.heartbeat(attempt);
      expect((await queue.sweep()).hung).not.toContain(jobId);
    }
  });

  it('is not judged until its daemon had a whole timeout after looks were missed', async () => {
    const { jobId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await store.advanceClock(600_000); // nobody looked: the database or every control plane was away
    for (let i = 0; i < 4; i++) {
      expect((await queue.sweep()).hung).toEqual([]);
      await store.advanceClock(10_000);
    }
    await queue.heartbeat(attempt);
    expect((await queue.sweep()).hung).not.toContain(jobId);
    // It has gone silent for good: now the usual time counts.
    for (let i = 0; i < 4; i++) {
      await store.advanceClock(10_000);
      expect((await queue.sweep()).hung).not.toContain(jobId);
    }
    await store.advanceClock(10_000);
    expect((await queue.sweep()).hung).toContain(jobId);
  });

  it('is ended by the reaper of any replica, by itself', async () => {
    const { jobId } = await make.prebuild(pool);
    await queue.mustTake(daemon);
    await store.advanceClock(60_000);
    const options = {
      // A look that comes late puts judging off, and so does one on a busy machine.
      ...{ ...SWEEP, ...RUN_TIME, intervalMs: 500, deadAfterMs: 500 },
      ...{ agentTimeoutMs: 60_000, ownerValuesTimeoutMs: 60_000 },
    };
    const reapers = [store.database, store.open()].map((database) =>
      createReaper({ ...store.kit, database, keyring: store.keyring }, options),
    );
    await Promise.all(reapers.map((reaper) => reaper.start()));
    await expect
      .poll(() => queue.status(jobId))
      .toMatchObject({ status: 'failed', error_code: 'hung' });
    for (const reaper of reapers) expect(await reaper.stop('test', 5_000)).toBe('stopped');
    const watched = await store.sql(`select 1 from watches where name = 'agents'`);
    expect(watched).toHaveLength(1);
  });
});

describe('a job that nobody takes', () => {
  const HALF_HOUR_MS = 1_800_000;

  it('fails when no daemon that fits was seen in all that time', async () => {
    const { jobId } = await make.prebuild(pool, { tags: { gpu: 'yes' } });
    await pass(HALF_HOUR_MS - 1_000);
    expect((await queue.sweep()).unserved).not.toContain(jobId);
    await pass(2_000);
    expect((await queue.sweep()).unserved).toContain(jobId);
    expect(await queue.status(jobId)).toMatchObject({
      status: 'failed',
      error_code: 'no_provisioner',
      attempt: 0,
    });
  });

  it('stays when a daemon that fits was seen, however busy it was', async () => {
    const { jobId } = await make.prebuild(pool, { tags: { gpu: 'yes' } });
    await pass(HALF_HOUR_MS);
    await make.daemon({
      keyId: await make.key({ organizationId }),
      tags: { gpu: 'yes' },
    });
    await pass(HALF_HOUR_MS - 60_000);
    expect((await queue.sweep()).unserved).not.toContain(jobId);
    await pass(120_000);
    expect((await queue.sweep()).unserved).toContain(jobId);
  });

  it('stays when it was taken once', async () => {
    const { jobId } = await make.version(pool);
    await queue.mustTake(daemon);
    await pass(46_000);
    await queue.sweep();
    expect(await queue.status(jobId)).toMatchObject({ status: 'pending', attempt: 1 });
    await pass(2 * HALF_HOUR_MS);
    expect((await queue.sweep()).unserved).not.toContain(jobId);
  });

  it('is not judged until daemons had a whole timeout after looks were missed', async () => {
    const { jobId } = await make.prebuild(pool, { tags: { gpu: 'yes' } });
    await store.advanceClock(3 * HALF_HOUR_MS);
    expect((await queue.sweep()).unserved).toEqual([]);
    expect(await queue.status(jobId)).toMatchObject({ status: 'pending' });
  });
});
