// Sensitive parameters: what a request gives them is stored sealed, reaches the daemon, and nobody else.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import type { Manifest, ManifestParameter } from '../../../src/contract/manifest/schema.ts';
import { acquireJob } from '../../../src/jobs/acquire-job.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { createReaper } from '../../../src/jobs/reaper.ts';
import { queueStrayCleanups } from '../../../src/jobs/state/clean-strays.ts';
import { keepState } from '../../../src/jobs/state/keep-state.ts';
import { takeState } from '../../../src/jobs/state/take-state.ts';
import { resealRetired, rotateKeys } from '../../../src/keys/rotate.ts';
import type { Database } from '../../../src/store/database.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { findVisibleJob } from '../../../src/store/job-view.ts';
import { AWAITED_DAYS } from '../../../src/store/awaited-stray.ts';
import { removeUnneededSecrets } from '../../../src/store/secret-parameters.ts';
import { createTestCreator } from '../../support/creator.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import {
  createQueue,
  FAILED,
  RUN_TIME,
  SWEEP,
  type TestDaemon,
  type TestQueue,
} from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';

const CANARY = 'canary-4d1f "\\ü';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let daemon: TestDaemon;
let ann: UserId;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

const parameter = (change: Partial<ManifestParameter>): ManifestParameter => ({
  name: 'token',
  type: 'string',
  description: '',
  default: '',
  options: [],
  mutable: true,
  sensitive: true,
  ...change,
});

async function useTemplate(...parameters: readonly ManifestParameter[]): Promise<void> {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  const manifest: Partial<Manifest> = { claim: 'instant', parameters: [...parameters] };
  pool = await make.pool(await make.template({ organizationId, manifest }));
  daemon = await queue.daemon({}, { organizationId });
}

beforeEach(() => useTemplate(parameter({}), parameter({ name: 'size', sensitive: false })));

async function create(given: Partial<WorkspaceRequest> = {}) {
  const [row] = await store.sql<{ name: string }>('select name from organizations where id = $1', [
    pool.organizationId,
  ]);
  const request = {
    organization: row?.name ?? '',
    template: pool.name,
    name: 'demo',
    preset: pool.presetName,
    parameters: { token: CANARY, size: 'big' },
    onEmpty: 'create',
    ...NO_WAITING,
    idempotencyKey: undefined,
    ...given,
  } as const;
  const by = { userId: ann, isAdmin: false };
  return asCreated(await createTestCreator(queue.deps)(by, request));
}

async function take(): Promise<TakenJob> {
  const job = await queue.take(daemon);
  if (job === undefined) throw new Error('there was no job');
  return job;
}

const finish = (job: TakenJob): Promise<void> =>
  queue.complete({ daemon, jobId: job.id, attempt: job.attempt });

const buildsOf = (workspaceId: WorkspaceId): Promise<readonly unknown[]> =>
  store.sql(
    `select number, parameters, secret_parameters_id is not null as has_secrets
     from builds where workspace_id = $1 order by number`,
    [workspaceId],
  );

const BROKEN = {
  status: 'failed',
  attempt: 1,
  error_code: 'secrets_broken',
  error: expect.stringMatching(/^what is sealed for parameters .* does not open with this key: /),
};

const latestJob = async (workspaceId: WorkspaceId): Promise<{ readonly id: JobId }> => {
  const [row] = await store.sql<{ id: JobId }>(
    `select j.id, j.status, j.attempt, j.error_code, j.error, j.daemon_id
     from jobs j join builds b on b.job_id = j.id
     where b.workspace_id = $1 order by b.number desc limit 1`,
    [workspaceId],
  );
  return row!;
};

/** The queue, where something happens before the values are read. */
function meddledQueue(meddle: () => unknown): TestQueue {
  const query: Database['query'] = async (asked) => {
    if (asked.name === 'secret_parameters.find') await meddle();
    return store.database.query(asked);
  };
  return createQueue({ ...store, database: { ...store.database, query } }, make);
}

describe('a job whose values cannot be read', () => {
  const WAITING = { status: 'pending', attempt: 0, daemon_id: null };

  it('is queued as if nobody had taken it, when the query fails', async () => {
    const { workspaceId } = await create();
    const failing = meddledQueue(() => {
      throw new Error('the connection broke');
    });
    await expect(failing.take(daemon)).rejects.toThrow('the connection broke');
    expect(await latestJob(workspaceId)).toMatchObject(WAITING);
    expect(await take()).toMatchObject({ attempt: 1, build: { workspaceId } });
  });

  it('is queued so too, when the caller hangs up meanwhile', async () => {
    const { workspaceId } = await create();
    const caller = new AbortController();
    const hasty = meddledQueue(() => caller.abort());
    const options = { signal: caller.signal, waitMs: 60_000 };
    expect(await acquireJob(hasty.deps, daemon, options)).toBeUndefined();
    expect(await latestJob(workspaceId)).toMatchObject(WAITING);
  });

  it('is canceled, when somebody has asked for that meanwhile', async () => {
    const { workspaceId } = await create();
    const slow = meddledQueue(async () => {
      const { id } = await latestJob(workspaceId);
      await queue.cancel(id);
      throw new Error('the connection broke');
    });
    await expect(slow.take(daemon)).rejects.toThrow('the connection broke');
    expect(await latestJob(workspaceId)).toMatchObject({ status: 'canceled', attempt: 1 });
  });

  it('fails and says why when they do not open, and so does the delete', async () => {
    const { workspaceId } = await create();
    await store.sql(`update secret_parameters set sealed = '\\x00' where workspace_id = $1`, [
      workspaceId,
    ]);
    expect(await queue.take(daemon)).toBeUndefined();
    expect(await latestJob(workspaceId)).toMatchObject(BROKEN);
    await changeWorkspace(
      queue.deps,
      { userId: ann, isAdmin: false },
      { id: workspaceId, transition: 'delete' },
    );
    expect(await queue.take(daemon)).toBeUndefined();
    expect(await latestJob(workspaceId)).toMatchObject(BROKEN);
  });
});

describe('what a request gives a sensitive parameter', () => {
  it('is stored sealed, and reaches the daemon with every build of the workspace', async () => {
    const { workspaceId } = await create();
    expect(await buildsOf(workspaceId)).toEqual([
      { number: 1, parameters: { size: 'big' }, has_secrets: true },
    ]);
    const sealed = await store.sql<{ names: string[]; sealed: Buffer }>(
      'select names, sealed from secret_parameters where workspace_id = $1',
      [workspaceId],
    );
    expect(sealed.map(({ names }) => names)).toEqual([['token']]);
    expect(sealed[0]?.sealed.includes('canary')).toBe(false);

    const start = await take();
    expect(start.build?.parameters).toEqual({ token: CANARY, size: 'big' });
    await finish(start);
    await changeWorkspace(
      queue.deps,
      { userId: ann, isAdmin: false },
      { id: workspaceId, transition: 'delete' },
    );
    const removal = await take();
    expect(removal.build).toMatchObject({
      transition: 'delete',
      parameters: { token: CANARY, size: 'big' },
    });
    expect(
      await store.sql('select from secret_parameters where workspace_id = $1', [workspaceId]),
    ).toHaveLength(1);
  });

  it('is not handed to a daemon that would not keep it secret, however it is asked', async () => {
    const { organizationId } = pool;
    const former = daemon;
    daemon = await queue.daemon({ protocolVersion: 1 }, { organizationId });
    await store.sql('delete from daemons where id = $1', [former.daemonId]);
    const { workspaceId } = await create();
    expect(await queue.take(daemon)).toBeUndefined();
    const { id } = await latestJob(workspaceId);
    expect(await findVisibleJob.one(store.database, { id, asMember: null })).toMatchObject({
      status: 'pending',
      minProtocolVersion: 2,
      fittingDaemonSeen: false,
    });
    const plain = await create({ name: 'plain', parameters: { size: 'big' } });
    const old = daemon;
    expect(await take()).toMatchObject({ build: { workspaceId: plain.workspaceId } });
    daemon = await queue.daemon({}, { organizationId });
    await finish(await take());
    await changeWorkspace(
      queue.deps,
      { userId: ann, isAdmin: false },
      { id: workspaceId, transition: 'delete' },
    );
    expect(await queue.take(old)).toBeUndefined();
    expect(await take()).toMatchObject({ build: { workspaceId, transition: 'delete' } });
  });

  it('is nothing to seal when it is empty or left out', async () => {
    const { workspaceId } = await create({ parameters: { token: '', size: 'big' } });
    expect(await buildsOf(workspaceId)).toEqual([
      { number: 1, parameters: { token: '', size: 'big' }, has_secrets: false },
    ]);
  });

  it('is sealed anew when the keys change, and opens as before', async () => {
    const { workspaceId } = await create();
    const { database, keyring } = store;
    const keyId = await rotateKeys({ database, keyring });
    await resealRetired({ ...store.kit, database, keyring });
    expect(
      await store.sql('select key_id from secret_parameters where workspace_id = $1', [
        workspaceId,
      ]),
    ).toEqual([{ key_id: keyId }]);
    expect((await take()).build?.parameters).toMatchObject({ token: CANARY });
  });

  it('opens for no other workspace', async () => {
    const one = await create();
    const two = await create({ name: 'other', parameters: { token: 'another one' } });
    await store.sql(
      `update secret_parameters set sealed = one.sealed from secret_parameters one
       where one.workspace_id = $1 and secret_parameters.workspace_id = $2`,
      [one.workspaceId, two.workspaceId],
    );
    await expect(
      store.sql(
        `update builds set secret_parameters_id = one.id from secret_parameters one
         where one.workspace_id = $1 and builds.workspace_id = $2`,
        [one.workspaceId, two.workspaceId],
      ),
    ).rejects.toThrow('builds_secret_parameters_fkey');
    expect((await take()).build).toMatchObject({ workspaceId: one.workspaceId });
    expect(await queue.take(daemon)).toBeUndefined();
    expect(await latestJob(two.workspaceId)).toMatchObject(BROKEN);
  });

  it('does not open for the workspace that its row was moved to', async () => {
    const one = await create();
    await finish(await take());
    const two = await create({ name: 'other', parameters: {} });
    await store.sql(
      `with left_behind as (
         update builds set secret_parameters_id = null where workspace_id = $1
       ), moved as (
         update secret_parameters set workspace_id = $2 where workspace_id = $1 returning id
       )
       update builds set secret_parameters_id = moved.id from moved
       where builds.workspace_id = $2`,
      [one.workspaceId, two.workspaceId],
    );
    expect(await queue.take(daemon)).toBeUndefined();
    expect(await latestJob(two.workspaceId)).toMatchObject(BROKEN);
  });

  it('is never told when it is wrong', async () => {
    await useTemplate(parameter({ type: 'number', default: null }));
    const refusal: unknown = await create({ preset: 'none', parameters: { token: CANARY } }).catch(
      (error: unknown) => error,
    );
    expect(refusal).toMatchObject({
      code: 'PARAMETERS_INVALID',
      detail: expect.stringMatching(/^The value of parameter "token" is no number/),
    });
    expect(JSON.stringify(refusal)).not.toContain('canary');
  });

  it('is the same request with the same idempotency key, and another one with another value', async () => {
    const again = { ...(await create({ idempotencyKey: 'key' })), isRepeated: true };
    expect(await create({ idempotencyKey: 'key' })).toEqual(again);
    await rotateKeys(store);
    expect(await create({ idempotencyKey: 'key' })).toEqual(again);
    await expect(
      create({ idempotencyKey: 'key', parameters: { token: 'another', size: 'big' } }),
    ).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
  });
});

describe('a claim with a value for a sensitive parameter', () => {
  const secret = { parameters: { token: CANARY } };

  it('takes a prebuild and builds once more, where a later build may change it', async () => {
    await useTemplate(parameter({}));
    const [ready] = await makeReady(store, make, { pool, count: 1 });
    const { workspaceId, claimed } = await create(secret);
    expect({ workspaceId, claimed }).toEqual({ workspaceId: ready, claimed: true });
    expect((await take()).build).toMatchObject({ stage: 'claim', parameters: { token: CANARY } });
  });

  it('misses where none may, and says no more than that', async () => {
    await useTemplate(parameter({ mutable: false }));
    await makeReady(store, make, { pool, count: 1 });
    expect(await create(secret)).toMatchObject({ claimed: false, reason: 'parameters' });
    expect((await take()).build).toMatchObject({ stage: 'none', parameters: { token: CANARY } });
  });

  it('of a preset that cannot be built ahead builds with it', async () => {
    await useTemplate(parameter({ default: null }));
    await store.sql('update presets set pool_id = null, desired_instances = null where id = $1', [
      pool.presetId,
    ]);
    expect(await create(secret)).toMatchObject({ claimed: false, reason: 'no_pool' });
    await expect(create({ name: 'other', parameters: {} })).rejects.toThrow(
      'The parameter "token" (string) needs a value',
    );
  });
});

describe('the values of a workspace that is gone', () => {
  const rows = (workspaceId: WorkspaceId): Promise<readonly unknown[]> =>
    store.sql('select from secret_parameters where workspace_id = $1', [workspaceId]);
  const attemptOf = ({ id: jobId, attempt }: TakenJob): AttemptRef => ({ daemon, jobId, attempt });
  const takeNext = async (): Promise<AttemptRef> => attemptOf(await take());
  const keep = ({ jobId, attempt }: AttemptRef, sequence: number): Promise<string> => {
    const { daemonId, incarnation } = daemon;
    const from = { daemonId, incarnation, jobId, attempt, lock: 1 };
    return keepState(queue.deps, { ...from, sequence, state: `{"serial":${sequence}}` });
  };
  const isGone = async (workspaceId: WorkspaceId): Promise<boolean> => {
    await removeUnneededSecrets(store.database);
    return (await rows(workspaceId)).length === 0;
  };

  /** A start that failed once it held the state, and a delete that got it after that. */
  async function failedAndDeleted() {
    const { workspaceId } = await create();
    const start = await takeNext();
    await takeState(queue.deps, start);
    await keep(start, 1);
    await queue.complete(start, FAILED);
    await changeWorkspace(
      queue.deps,
      { userId: ann, isAdmin: false },
      { id: workspaceId, transition: 'delete' },
    );
    const removal = await takeNext();
    await takeState(queue.deps, removal);
    return { workspaceId, start, removal };
  }

  it('go at once when nothing of it can turn up, taken away by the reaper of any replica', async () => {
    const { workspaceId } = await create();
    const other = await create({ name: 'other' });
    for (const build of [await takeNext(), await takeNext()]) {
      await takeState(queue.deps, build);
      await queue.complete(build);
    }
    await changeWorkspace(
      queue.deps,
      { userId: ann, isAdmin: false },
      { id: workspaceId, transition: 'delete' },
    );
    const removal = await takeNext();
    await takeState(queue.deps, removal);
    expect(await isGone(workspaceId)).toBe(false);
    await queue.complete(removal);
    const reaper = createReaper(
      { ...store.kit, database: store.database, keyring: store.keyring },
      {
        ...SWEEP,
        ...RUN_TIME,
        intervalMs: 10,
        agentTimeoutMs: 60_000,
        ownerValuesTimeoutMs: 60_000,
      },
    );
    await reaper.start();
    await expect.poll(() => rows(workspaceId)).toEqual([]);
    await reaper.stop('test', 5_000);
    expect(await buildsOf(workspaceId)).toEqual([
      { number: 1, parameters: { size: 'big' }, has_secrets: false },
      { number: 2, parameters: { size: 'big' }, has_secrets: false },
    ]);
    expect(await rows(other.workspaceId)).toHaveLength(1);
  });

  it('stay for a month where an attempt may have made what nobody knows', async () => {
    const { workspaceId, removal } = await failedAndDeleted();
    await queue.complete(removal);
    expect(await isGone(workspaceId)).toBe(false);
    await store.advanceClock((AWAITED_DAYS - 1) * 86_400_000);
    expect(await isGone(workspaceId)).toBe(false);
    await store.advanceClock(2 * 86_400_000);
    expect(await isGone(workspaceId)).toBe(true);
  });

  it('stay until what turned up is destroyed with them', async () => {
    const { workspaceId, start, removal } = await failedAndDeleted();
    expect(await keep(start, 2)).toBe('stray');
    await queue.complete(removal);
    await store.advanceClock((AWAITED_DAYS + 1) * 86_400_000);
    expect(await isGone(workspaceId)).toBe(false);
    await queueStrayCleanups(queue.deps);
    const cleanup = await take();
    expect(cleanup).toMatchObject({
      type: 'stray_cleanup',
      build: { workspaceId, parameters: { token: CANARY } },
    });
    expect(await isGone(workspaceId)).toBe(false);
    await finish(cleanup);
    expect(await isGone(workspaceId)).toBe(true);
  });
});
