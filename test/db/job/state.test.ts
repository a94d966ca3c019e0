// States of workspaces: who may write them, what becomes of late ones, and how they are stored.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserId } from '../../../src/base/id.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { queueStrayCleanups } from '../../../src/jobs/state/clean-strays.ts';
import { keepState } from '../../../src/jobs/state/keep-state.ts';
import { readStray } from '../../../src/jobs/state/read-stray.ts';
import { takeState, type TakenState } from '../../../src/jobs/state/take-state.ts';
import { openKeyring } from '../../../src/keys/keyring.ts';
import { resealRetired, rotateKeys } from '../../../src/keys/rotate.ts';
import { insertCurrentDataKey, retireDataKey } from '../../../src/store/data-key.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, FAILED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { until } from '../../support/until.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
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
  await store.sql('delete from stray_states');
  const organizationId = await make.organization();
  ownerId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }));
  daemon = await queue.daemon({}, { organizationId });
});

const take = (attempt: AttemptRef): Promise<TakenState> => takeState(queue.deps, attempt);

let written = 0;
const keep = (
  { jobId, attempt, daemon: { daemonId, incarnation } }: AttemptRef,
  lock: number,
  state: string,
  sequence = (written += 1),
): Promise<string> =>
  keepState(queue.deps, { daemonId, incarnation, jobId, attempt, lock, sequence, state });

/** A build that is running on the daemon, with its state's lock taken. */
async function running(by = daemon): Promise<{
  readonly attempt: AttemptRef;
  readonly taken: TakenState;
  readonly built: Awaited<ReturnType<Factory['workspace']>>;
}> {
  const built = await make.workspace(pool, { ownerId });
  const attempt = await queue.mustTake(by);
  return { built, attempt, taken: await take(attempt) };
}

describe('the state of a workspace', () => {
  it('begins with nothing, and is what was kept last', async () => {
    const { attempt, taken, built } = await running();
    expect(taken).toEqual({ lock: 1, state: null });
    expect(await keep(attempt, 1, '{"serial":1}')).toBe('current');
    expect(await keep(attempt, 1, '{"serial":2}')).toBe('current');
    expect(await take(attempt)).toEqual({ lock: 1, state: '{"serial":2}' });
    await queue.complete(attempt);

    await make.nextBuild(pool, built, { initiatorId: ownerId, transition: 'stop' });
    const next = await queue.mustTake(daemon);
    expect(await take(next)).toEqual({ lock: 2, state: '{"serial":2}' });
    const versions = await store.sql(
      'select number from workspace_states where workspace_id = $1',
      [built.workspaceId],
    );
    expect(versions).toHaveLength(2);
  });

  it('is where the next build begins, whatever became of the former one', async () => {
    const { attempt, built } = await running();
    await keep(attempt, 1, '{"made":"half"}');
    await queue.complete(attempt, FAILED);
    // Late, but nobody has taken the lock yet: it still counts.
    expect(await keep(attempt, 1, '{"made":"more"}')).toBe('current');
    await make.nextBuild(pool, built, { initiatorId: ownerId, transition: 'delete' });
    const removal = await queue.mustTake(daemon);
    expect((await take(removal)).state).toBe('{"made":"more"}');
    await keep(removal, 2, '{}');
    await queue.complete(removal);
    // One that was on its way is a stray: the workspace has no current state any more.
    expect(await keep(removal, 2, '{"late":true}')).toBe('stray');
    expect(
      await store.sql('select from workspace_states where workspace_id = $1', [built.workspaceId]),
    ).toEqual([]);
  });

  it('is the one that was written last, whatever order they arrive in', async () => {
    const { attempt, built } = await running();
    expect(await keep(attempt, 1, '{"serial":2}', 2)).toBe('current');
    expect(await keep(attempt, 1, '{"serial":1}', 1)).toBe('current');
    expect(await keep(attempt, 1, '{"serial":2}', 2)).toBe('current'); // its answer was lost
    expect((await take(attempt)).state).toBe('{"serial":2}');
    const kept = await store.sql('select from workspace_states where workspace_id = $1', [
      built.workspaceId,
    ]);
    expect(kept).toHaveLength(1);
    // What the daemon's next life found on its disk is newer than anything before.
    const daemonOfNow = { ...attempt.daemon, incarnation: attempt.daemon.incarnation + 1 };
    await keep({ ...attempt, daemon: daemonOfNow }, 1, '{"serial":3}', 0);
    expect((await take(attempt)).state).toBe('{"serial":3}');
  });

  it('cannot be taken or kept by who does not hold it', async () => {
    const { attempt } = await running();
    const other = await queue.daemon({}, { organizationId: pool.organizationId });
    await expect(take({ ...attempt, daemon: other })).rejects.toThrow('ATTEMPT_STALE');
    await expect(take({ ...attempt, attempt: 2 })).rejects.toThrow('ATTEMPT_STALE');
    await expect(keep({ ...attempt, daemon: other }, 1, '{}')).rejects.toThrow('NOT_FOUND');
    await expect(keep(attempt, 2, '{}')).rejects.toThrow(
      `NOT_FOUND: attempt 1 of job ${attempt.jobId} has not taken lock 2`,
    );
    await queue.complete(attempt);
    await expect(take(attempt)).rejects.toThrow('it has succeeded already');
  });

  it('is stored sealed, and opens with no other secret key', async () => {
    const { attempt, built } = await running();
    await keep(attempt, 1, '{"password":"canary-2f9b"}');
    const [row] = await store.sql<{ sealed: Buffer }>(
      'select sealed from workspace_states where workspace_id = $1',
      [built.workspaceId],
    );
    expect(row?.sealed.includes('canary')).toBe(false);
    const secretKey = Buffer.alloc(32, 8);
    await expect(
      openKeyring({ ...store.kit, database: store.database, secretKey }),
    ).rejects.toThrow('SECRET_KEY_WRONG: the keys in the database do not open');
  });

  it('is sealed with the key that every rotation gives, also of two at the same instant', async () => {
    const { database, keyring } = store;
    const retired = createDeferred<undefined>();
    const commit = createDeferred<undefined>();
    const first = keyring.make();
    const one = database.transaction(async (tx) => {
      await retireDataKey.run(tx, {});
      await insertCurrentDataKey.run(tx, { id: first.keyId, sealed: first.sealed });
      retired.resolve(undefined);
      await commit.promise;
    });
    await retired.promise;
    const two = rotateKeys({ database, keyring });
    await until(async () =>
      expect(
        await store.sql(
          `select from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`,
        ),
      ).toHaveLength(1),
    );
    commit.resolve(undefined);
    await one;
    expect(await two).toBe(first.keyId);
    expect(keyring.seal('place', Buffer.alloc(1)).keyId).toBe(first.keyId);
  });

  it('goes on when the key is changed, also in processes that have not heard of it', async () => {
    const { attempt, built } = await running();
    await keep(attempt, 1, '{"serial":1}');
    const { database, keyring } = store;
    const secretKey = Buffer.alloc(32, 7);
    const elsewhere = await openKeyring({ ...store.kit, database, secretKey });
    const keyId = await rotateKeys({ database, keyring: elsewhere });
    await keep(attempt, 1, '{"serial":2}');
    await resealRetired({ ...store.kit, database, keyring: elsewhere });
    const used = await store.sql(
      'select distinct key_id from workspace_states where workspace_id = $1',
      [built.workspaceId],
    );
    expect(used).toEqual([{ key_id: keyId }]);
    expect((await take(attempt)).state).toBe('{"serial":2}');
    await store.advanceClock(2 * 3_600_000);
    await resealRetired({ ...store.kit, database, keyring });
    expect(await store.sql('select id from data_keys')).toEqual([{ id: keyId }]);
  });

  it('is sealed anew also behind many that do not open, which a pass counts and leaves', async () => {
    await using other = await openTestStore();
    const { kit, database, keyring } = other;
    const makeThere = createFactory(other);
    const there = createQueue(other, makeThere);
    const organizationId = await makeThere.organization();
    const owner = await makeThere.user({ organizationId });
    const template = await makeThere.template({ organizationId });
    await makeThere.workspace(template, { ownerId: owner });
    const attempt = await there.mustTake(await there.daemon({}, { organizationId }));
    await takeState(there.deps, attempt);
    const { jobId, daemon: by } = attempt;
    const from = { daemonId: by.daemonId, incarnation: by.incarnation, jobId, attempt: 1, lock: 1 };
    const stateCount = 151;
    for (let sequence = 1; sequence <= stateCount; sequence += 1) {
      await keepState(there.deps, { ...from, sequence, state: `{"serial":${sequence}}` });
    }
    // One of every fifty opens, and the newest.
    await other.sql(
      `update workspace_states set sealed = '\\x00' where number % 50 <> 25 and number < $1`,
      [stateCount],
    );
    const keyId = await rotateKeys({ database, keyring });
    const entries: unknown[] = [];
    const log = { ...kit.log, critical: (...entry: unknown[]) => entries.push(entry) };
    await resealRetired({ log, database, keyring });
    expect(
      await other.sql('select number from workspace_states where key_id = $1 order by number', [
        keyId,
      ]),
    ).toEqual([{ number: 25 }, { number: 75 }, { number: 125 }, { number: stateCount }]);
    expect(entries).toEqual([
      ['keys.values_broken', { left: stateCount - 4, first: expect.any(Array) }],
    ]);
    expect(await takeState(there.deps, attempt)).toMatchObject({ state: '{"serial":151}' });
  });
});

describe('a state that comes when another attempt has taken the lock', () => {
  /** A start whose daemon was lost, and a delete that has taken the lock since. */
  async function overtaken() {
    const first = await running();
    await keep(first.attempt, 1, '{"made":["a"]}');
    await queue.complete(first.attempt, FAILED);
    await make.nextBuild(pool, first.built, { initiatorId: ownerId, transition: 'delete' });
    const removal = await queue.mustTake(daemon);
    await take(removal);
    return { ...first, removal };
  }

  it('is a stray, is destroyed by a job of its own, and never becomes the current one', async () => {
    const { attempt, removal, built } = await overtaken();
    expect(await keep(attempt, 1, '{"made":["a","b"]}')).toBe('stray');
    expect(await keep(attempt, 1, '{"made":["a","b","c"]}')).toBe('stray');
    expect((await take(removal)).state).toBe('{"made":["a"]}');
    await queue.complete(removal);

    const [jobId] = await queueStrayCleanups(queue.deps);
    expect(await queueStrayCleanups(queue.deps)).toEqual([]);
    const job = await queue.take(daemon);
    expect(job).toMatchObject({
      id: jobId,
      type: 'stray_cleanup',
      template: pool.name,
      versionId: pool.versionId,
      build: { workspaceId: built.workspaceId, transition: 'delete', number: 1 },
    });
    const cleanup = { daemon, jobId: job!.id, attempt: 1 };
    // What an earlier state of the attempt named, the later one names too.
    expect(await readStray(queue.deps, cleanup)).toEqual({
      stray: '{"made":["a","b","c"]}',
      current: null,
    });
    await expect(readStray(queue.deps, { ...cleanup, attempt: 2 })).rejects.toThrow(
      'ATTEMPT_STALE',
    );
    await queue.complete(cleanup);
    await store.advanceClock(3 * 3_600_000);
    expect(await queueStrayCleanups(queue.deps)).toEqual([]);
  });

  it('is tried again ever later when it cannot be destroyed', async () => {
    const { attempt, removal } = await overtaken();
    await keep(attempt, 1, '{"made":["a","b"]}');
    await queue.complete(removal);
    const pauses = [0, 61_000, 121_000, 241_000];
    for (const pauseMs of pauses) {
      if (pauseMs > 0) {
        await store.advanceClock(pauseMs - 2_000);
        expect(await queueStrayCleanups(queue.deps)).toEqual([]);
        await store.advanceClock(2_000);
      }
      expect(await queueStrayCleanups(queue.deps)).toHaveLength(1);
      await queue.complete(await queue.mustTake(daemon), FAILED);
    }
  });

  it('of an attempt that goes on while its first stray is destroyed gets another job', async () => {
    const { attempt, removal } = await overtaken();
    await keep(attempt, 1, '{"made":["a","b"]}');
    // Not while a build may be making what the current state does not name yet.
    expect(await queueStrayCleanups(queue.deps)).toEqual([]);
    await queue.complete(removal);
    expect(await queueStrayCleanups(queue.deps)).toHaveLength(1);
    await keep(attempt, 1, '{"made":["a","b","c"]}');
    expect(await queueStrayCleanups(queue.deps)).toHaveLength(1);
  });

  it('is not destroyed while a build is under way, nor is anything built meanwhile', async () => {
    const { attempt, removal, built } = await overtaken();
    await keep(attempt, 1, '{"made":["a","b"]}');
    await queue.complete(removal, FAILED);
    await queueStrayCleanups(queue.deps);
    const cleanup = await queue.mustTake(daemon);

    const removed = { ...built, number: built.number + 1 };
    await make.nextBuild(pool, removed, { initiatorId: ownerId, transition: 'delete' });
    const again = await queue.mustTake(daemon);
    await expect(take(again)).rejects.toThrow(`STATE_IN_USE: job ${cleanup.jobId} still destroys`);
    await expect(readStray(queue.deps, cleanup)).rejects.toThrow('BUILD_IN_PROGRESS');
    await queue.complete(cleanup, FAILED);
    expect((await take(again)).lock).toBe(3);
    // One that had the lock before keeps it.
    expect((await take(again)).lock).toBe(3);

    await queue.complete(again);
    await store.advanceClock(61_000);
    await queueStrayCleanups(queue.deps);
    expect(await readStray(queue.deps, await queue.mustTake(daemon))).toMatchObject({
      stray: '{"made":["a","b"]}',
    });
  });

  it('has one job only, however many look, the first time and after a failure', async () => {
    const { attempt, removal } = await overtaken();
    await keep(attempt, 1, '{"made":["a","b"]}');
    await queue.complete(removal);
    // Whether two looks meet is chance, so they get many.
    for (let round = 0; round < 40; round += 1) {
      const looks = await Promise.all(
        Array.from({ length: 8 }, () => queueStrayCleanups(queue.deps)),
      );
      expect(looks.flat()).toHaveLength(1);
      await queue.complete(await queue.mustTake(daemon), FAILED);
      await store.sql('update stray_states set tries = 0, job_id = case when $1 then job_id end', [
        round % 2 === 0,
      ]);
      await store.advanceClock(61_000);
    }
  });

  it('races the taking of the lock without a third way', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { attempt, built } = await running();
      await queue.complete(attempt, FAILED);
      await make.nextBuild(pool, built, { initiatorId: ownerId, transition: 'delete' });
      const removal = await queue.mustTake(daemon);
      const [kept, taken] = await Promise.all([
        keep(attempt, 1, `{"round":${round}}`),
        take(removal),
      ]);
      // Either the taker began from it, or it is a stray.
      expect(kept === 'current').toBe(taken.state === `{"round":${round}}`);
      await queue.complete(removal);
    }
  });
});

describe('secret outputs', () => {
  it('are stored sealed beside the others', async () => {
    const { attempt, built } = await running();
    await queue.complete(attempt, {
      outcome: 'succeeded',
      outputs: { url: 'http://x' },
      secretOutputs: { password: 'canary-77aa' },
      resources: [{ address: 'terraform_data.x', type: 'terraform_data' }],
    });
    const [row] = await store.sql<{ outputs: unknown; secret: Buffer; resources: unknown }>(
      'select outputs, secret_outputs as secret, resources from builds where id = $1',
      [built.buildId],
    );
    expect(row).toMatchObject({
      outputs: { url: 'http://x' },
      resources: [{ address: 'terraform_data.x', type: 'terraform_data' }],
    });
    expect(row?.secret.includes('canary')).toBe(false);
  });
});
