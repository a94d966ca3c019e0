// The rehearsal of a preset's claim: when it is queued, what it is handed, and what becomes of its result.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import type { Manifest } from '../../../src/contract/manifest/schema.ts';
import type { Replacement } from '../../../src/domain/job/replacement.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import type { ReportedResult } from '../../../src/jobs/complete-job.ts';
import { rehearseWaiting } from '../../../src/jobs/rehearse.ts';
import { copyState } from '../../../src/jobs/state/copy-state.ts';
import { keepState } from '../../../src/jobs/state/keep-state.ts';
import { takeState } from '../../../src/jobs/state/take-state.ts';
import type { TakenJob } from '../../../src/store/job-acquire.ts';
import { findPool } from '../../../src/store/pool-page.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import {
  createQueue,
  FAILED,
  SUCCEEDED,
  type TestDaemon,
  type TestQueue,
} from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organizationId: OrganizationId;
let userId: UserId;
let daemon: TestDaemon;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  organizationId = await make.organization();
  userId = await make.user({ organizationId });
  daemon = await queue.daemon({ drivers: ['terraform', 'null'] }, { organizationId });
  pool = await poolOf();
});

async function poolOf(change: Partial<Manifest> = {}): Promise<TestPool> {
  const manifest = { driver: 'terraform', rehearsal: 'report', tags: {}, ...change } as const;
  return make.pool(await make.template({ organizationId, manifest }));
}

const DISK: Replacement = { address: 'x.disk', action: 'replace', paths: ['user_data'] };

/** A prebuild of the pool is built, with this state. */
async function build(of = pool, state = '{"serial":1}'): Promise<string> {
  const { workspaceId } = await make.prebuild(of);
  const attempt = await queue.mustTake(daemon);
  const { lock } = await takeState(queue.deps, attempt);
  const { daemonId, incarnation } = attempt.daemon;
  const kept = { jobId: attempt.jobId, attempt: attempt.attempt, lock, sequence: 0, state };
  await keepState(queue.deps, { daemonId, incarnation, ...kept });
  await queue.complete(attempt);
  return workspaceId;
}

const refOf = ({ id, attempt }: TakenJob): AttemptRef => ({ daemon, jobId: id, attempt });

async function mustTake(): Promise<TakenJob> {
  const taken = await queue.take(daemon);
  if (taken === undefined) throw new Error('nothing is queued');
  expect(taken).toMatchObject({ type: 'rehearsal', class: 4, driver: 'terraform' });
  return taken;
}

const shown = async (of = pool): Promise<unknown> => {
  const { templateId, presetName } = of;
  const [{ name }] = (await store.sql<{ name: string }>(
    'select name from templates where id = $1',
    [templateId],
  )) as [{ name: string }];
  const asked = { organizationId, template: name, preset: presetName };
  return (await findPool.one(store.database, asked)).rehearsal;
};

const eventsOf = (kind: string): Promise<unknown> =>
  store.sql('select reason from pool_events where pool_id = $1 and kind = $2', [pool.poolId, kind]);

describe('the rehearsal of a claim', () => {
  it('is queued with the first good prebuild, and once', async () => {
    expect(await shown()).toMatchObject({ isBegun: false });
    const workspaceId = await build();
    const taken = await mustTake();
    expect(taken.build).toMatchObject({
      workspaceId,
      name: 'rehearsal',
      username: 'rehearsal',
      ownerIsSystem: false,
      epoch: 1,
      transition: 'start',
      stage: 'claim',
      number: 2,
    });
    expect(taken.template).toBeTruthy();
    expect(await shown()).toMatchObject({ isBegun: true, outcome: null, jobId: taken.id });
    await build();
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('is queued once where several prebuilds are done at the same time', async () => {
    const attempts: AttemptRef[] = [];
    for (let made = 0; made < 4; made += 1) {
      await make.prebuild(pool);
      attempts.push(await queue.mustTake(daemon));
    }
    await Promise.all(attempts.map((attempt) => queue.complete(attempt)));
    await mustTake();
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it.each<[string, Partial<Manifest>]>([
    ['the template wants none', { rehearsal: 'off' }],
    ['the driver makes no plans', { driver: 'null' }],
  ])('is not queued where %s', async (_why, change) => {
    const other = await poolOf(change);
    await make.prebuild(other);
    await queue.complete(await queue.mustTake(daemon));
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('is not queued by a prebuild that failed', async () => {
    await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon), FAILED);
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('is not handed to a daemon that does not know of it', async () => {
    await build();
    const older = await queue.daemon(
      { drivers: ['terraform'], protocolVersion: 2 },
      { organizationId },
    );
    expect(await queue.take(older)).toBeUndefined();
    await mustTake();
  });

  it('plans on a copy of the state, while whoever claims takes the lock', async () => {
    await build();
    const ref = refOf(await mustTake());
    expect(await copyState(queue.deps, ref)).toBe('{"serial":1}');
    await expect(copyState(queue.deps, { ...ref, attempt: 7 })).rejects.toMatchObject({
      code: 'ATTEMPT_STALE',
    });
    await claimOne(store.database, store.kit, { pool, userId, name: 'mine' });
    const claim = await queue.mustTake(daemon);
    expect(await takeState(queue.deps, claim)).toMatchObject({ state: '{"serial":1}' });
    await expect(copyState(queue.deps, ref)).rejects.toMatchObject({ code: 'PREBUILD_GONE' });
  });

  it('is kept with what it found, once, and stands in the events', async () => {
    await build();
    const ref = refOf(await mustTake());
    await queue.complete(ref, { ...SUCCEEDED, replaced: [DISK] });
    await queue.complete(ref, { ...SUCCEEDED, replaced: [DISK] });
    expect(await shown()).toMatchObject({ outcome: 'replaces', findings: [DISK], error: null });
    expect(await eventsOf('rehearsal_replaces')).toHaveLength(1);
  });

  it('is kept with no longer a list than anybody reads', async () => {
    await build();
    const paths = Array.from({ length: 50 }, () => 'x'.repeat(1_000));
    const replaced = Array.from({ length: 20 }, (_none, index) => ({
      ...DISK,
      address: `x.disk[${index}]`,
      paths,
    }));
    await queue.complete(refOf(await mustTake()), { ...SUCCEEDED, replaced });
    const { findings } = (await shown()) as { readonly findings: readonly Replacement[] };
    expect(findings).toHaveLength(20);
    expect(findings.filter((one) => one.paths.length > 0)).toHaveLength(1);
  });

  it('is clean where it found nothing, and failed where the plan did', async () => {
    await build();
    await queue.complete(refOf(await mustTake()));
    expect(await shown()).toMatchObject({ outcome: 'clean', findings: [] });

    const broken = await poolOf();
    await build(broken);
    await queue.complete(refOf(await mustTake()), FAILED);
    expect(await shown(broken)).toMatchObject({ outcome: 'failed', error: 'it broke' });
    await build(broken);
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('that found nothing because the prebuild was claimed meanwhile is made again', async () => {
    await build();
    const ref = refOf(await mustTake());
    await claimOne(store.database, store.kit, { pool, userId, name: 'mine' });
    await queue.complete(ref);
    expect(await shown()).toMatchObject({ outcome: 'void', findings: [] });
    await queue.complete(await queue.mustTake(daemon)); // the claim's
    const workspaceId = await build();
    const again = await mustTake();
    expect(again.build).toMatchObject({ workspaceId });
    await queue.complete(refOf(again));
    expect(await shown()).toMatchObject({ outcome: 'clean', error: null });
  });

  it.each<[string, ReportedResult]>([
    ['found what is gone', { ...SUCCEEDED, replaced: [{ ...DISK, action: 'create' }] }],
    ['could not be planned', FAILED],
  ])('that %s because the prebuild was deleted meanwhile says nothing', async (_why, result) => {
    const workspaceId = await build();
    const ref = refOf(await mustTake());
    await store.sql('update pool_members set build_number = 2 where workspace_id = $1', [
      workspaceId,
    ]);
    await queue.complete(ref, result);
    expect(await shown()).toMatchObject({ outcome: 'void', findings: [] });
    expect(await eventsOf('rehearsal_replaces')).toEqual([]);
    expect(
      await store.sql('select from announcements where subject_id = $1', [pool.presetId]),
    ).toEqual([]);
  });

  it('is made again after one that no template is to blame for', async () => {
    await build();
    const ref = refOf(await mustTake());
    await queue.cancel(ref.jobId);
    await queue.complete(ref, { outcome: 'canceled' });
    expect(await shown()).toMatchObject({ outcome: 'void', error: 'it was canceled' });
    await build();
    await mustTake();
  });

  it('that was lost with its daemon is over, and is made again', async () => {
    await build();
    const { id } = await mustTake();
    daemon = await queue.restart(daemon);
    expect(await queue.status(id)).toMatchObject({ status: 'failed', error_code: 'daemon_lost' });
    expect(await shown()).toMatchObject({ outcome: 'void' });
    expect(await queue.take(daemon)).toBeUndefined();
    await build();
    await mustTake();
  });

  it('is made again with a prebuild of a full pool, ten minutes later', async () => {
    const tend = (): Promise<void> => rehearseWaiting({ ...store.kit, database: store.database });
    const workspaceId = await build();
    const ref = refOf(await mustTake());
    await queue.cancel(ref.jobId);
    await queue.complete(ref, { outcome: 'canceled' });
    await tend();
    expect(await queue.take(daemon)).toBeUndefined();
    await store.advanceClock(600_001);
    await Promise.all([tend(), tend()]);
    const again = await mustTake();
    expect(again.build).toMatchObject({ workspaceId });
    await tend();
    await queue.complete(refOf(again));
    await store.advanceClock(600_001);
    await tend();
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('is made with a prebuild that was there before anything was rehearsed', async () => {
    const workspaceId = await build();
    const { id } = await mustTake();
    await store.sql('delete from rehearsals where job_id = $1', [id]);
    await store.sql('update pool_members set build_number = 2 where workspace_id = $1', [
      workspaceId,
    ]);
    await rehearseWaiting({ ...store.kit, database: store.database });
    expect(await queue.take(daemon)).toBeUndefined();
    await store.sql('update pool_members set build_number = 1 where workspace_id = $1', [
      workspaceId,
    ]);
    await rehearseWaiting({ ...store.kit, database: store.database });
    expect((await mustTake()).build).toMatchObject({ workspaceId });
  });

  it('stays when its job is taken away by its age', async () => {
    await build();
    const ref = refOf(await mustTake());
    await queue.complete(ref, { ...SUCCEEDED, replaced: [DISK] });
    await store.sql('delete from jobs where id = $1', [ref.jobId]);
    expect(await shown()).toMatchObject({ outcome: 'replaces', findings: [DISK], jobId: null });
  });
});
