import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, FAILED, type TestDaemon, type TestQueue } from '../../support/queue.ts';
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
  store.announced.length = 0;
});

async function one<Row>(text: string, values: readonly unknown[]): Promise<Row> {
  const rows = await store.sql<Row>(text, values);
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

describe('a result', () => {
  it('is stored with the outputs, and announced', async () => {
    const { jobId, workspaceId, buildId } = await make.workspace(pool, { ownerId });
    await queue.complete(await queue.mustTake(daemon));
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded', error_code: null });
    expect(await one('select outputs from builds where id = $1', [buildId])).toEqual({
      outputs: { url: 'http://localhost:1' },
    });
    expect(store.announced).toEqual(
      expect.arrayContaining([
        { kind: 'job', jobId },
        { kind: 'workspace', workspaceId },
      ]),
    );
  });

  it('is a success when it is reported twice, and counts once', async () => {
    await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await queue.complete(attempt);
    await queue.complete(attempt);
    expect(
      await one(`select count(*)::int as events from pool_events where pool_id = $1`, [
        pool.poolId,
      ]),
    ).toEqual({ events: 1 });
  });

  it('counts once when it is reported twice at the same time', async () => {
    const { jobId } = await make.prebuild(pool);
    const attempt = await queue.mustTake(daemon);
    await Promise.all(Array.from({ length: 6 }, () => queue.complete(attempt)));
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('is refused when the attempt has another one already', async () => {
    await make.workspace(pool, { ownerId });
    const attempt = await queue.mustTake(daemon);
    await queue.complete(attempt);
    await expect(queue.complete(attempt, FAILED)).rejects.toMatchObject({ code: 'ATTEMPT_STALE' });
    const other = { outcome: 'succeeded', outputs: { url: 'elsewhere' } } as const;
    await expect(queue.complete(attempt, other)).rejects.toMatchObject({ code: 'ATTEMPT_STALE' });
  });

  it('is refused when another attempt counts now', async () => {
    const { jobId } = await make.version(pool);
    const attempt = await queue.mustTake(daemon);
    await queue.watch();
    await store.advanceClock(46_000);
    await queue.watch();
    expect((await queue.sweep()).hung).toContain(jobId);
    const second = await queue.mustTake(daemon);
    expect(second).toMatchObject({ jobId, attempt: 2 });
    await expect(queue.complete(attempt)).rejects.toMatchObject({ code: 'ATTEMPT_STALE' });
    await expect(queue.heartbeat(attempt)).rejects.toMatchObject({ code: 'ATTEMPT_STALE' });
    await queue.complete(second);
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('is refused from a daemon that does not hold the job', async () => {
    await make.workspace(pool, { ownerId });
    const attempt = await queue.mustTake(daemon);
    const other = await queue.daemon();
    await expect(queue.complete({ ...attempt, daemon: other })).rejects.toMatchObject({
      code: 'ATTEMPT_STALE',
    });
    const stranger = { ...daemon, keyId: await make.key() };
    await expect(queue.complete({ ...attempt, daemon: stranger })).rejects.toMatchObject({
      code: 'ATTEMPT_STALE',
    });
  });

  it('of a start that was to be canceled is a success all the same', async () => {
    const { jobId } = await make.workspace(pool, { ownerId });
    const attempt = await queue.mustTake(daemon);
    expect(await queue.cancel(jobId)).toBe('canceling');
    await queue.complete(attempt);
    expect(await queue.status(jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('keeps what daemons say, whatever characters are in it', async () => {
    const { jobId } = await make.workspace(pool, { ownerId });
    await queue.complete(await queue.mustTake(daemon), {
      outcome: 'failed',
      error: 'nul \0 and half a pair \ud800',
      errorCode: 'exit_1',
    });
    expect(await one('select error from jobs where id = $1', [jobId])).toEqual({
      error: 'nul \ufffd and half a pair \ufffd',
    });
    await make.workspace(pool, { ownerId });
    const outputs = { url: 'a\0b\udfff' };
    const attempt = await queue.mustTake(daemon);
    await queue.complete(attempt, { outcome: 'succeeded', outputs });
    await queue.complete(attempt, { outcome: 'succeeded', outputs });
  });
});

describe('a delete that succeeded', () => {
  it('deletes the workspace, ends its sessions and takes it out of the pool', async () => {
    const first = await make.prebuild(pool);
    const agentId = await make.agent(first.workspaceId, { kind: 'program' });
    await queue.complete(await queue.mustTake(daemon));
    await store.sql(
      `insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
       values (gen_random_uuid(), $1, $2, 0, sha256('x'), standby_now())`,
      [agentId, first.workspaceId],
    );
    await make.nextBuild(pool, first, { transition: 'delete', initiatorId: ownerId });
    await queue.complete(await queue.mustTake(daemon), { outcome: 'succeeded', outputs: {} });
    expect(
      await one(
        `select w.deleted_at is not null as deleted, a.lifecycle, s.ended_at is not null as ended,
           (select count(*)::int from pool_members m where m.workspace_id = w.id) as members
         from workspaces w
         join agents a on a.workspace_id = w.id
         join agent_sessions s on s.workspace_id = w.id
         where w.id = $1`,
        [first.workspaceId],
      ),
    ).toEqual({ deleted: true, lifecycle: 'off', ended: true, members: 0 });
    const kinds = await store.sql<{ kind: string }>(
      'select kind from pool_events where pool_id = $1 order by id',
      [pool.poolId],
    );
    expect(kinds.map((row) => row.kind)).toEqual(['build_succeeded', 'deleted']);
  });

  it('keeps the workspace and its place when it failed', async () => {
    const first = await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon));
    await make.nextBuild(pool, first, { transition: 'delete', initiatorId: ownerId });
    await queue.complete(await queue.mustTake(daemon), FAILED);
    expect(
      await one(
        `select w.deleted_at, m.running_since, m.ready
         from workspaces w join pool_members m on m.workspace_id = w.id where w.id = $1`,
        [first.workspaceId],
      ),
    ).toEqual({ deleted_at: null, running_since: null, ready: false });
  });
});

describe('the first build of a prebuild', () => {
  interface Member {
    readonly born: boolean;
    readonly running: boolean;
    readonly ready: boolean;
  }
  const member = (workspaceId: string): Promise<Member> =>
    one(
      `select m.born_at = j.acquired_at as born, m.running_since = j.completed_at as running, m.ready
       from pool_members m join jobs j on j.id = m.job_id where m.workspace_id = $1`,
      [workspaceId],
    );
  const judged = (): Promise<readonly { readonly failed: boolean }[]> =>
    store.sql('select failed from judged_builds where pool_id = $1', [pool.poolId]);

  it('makes it run, ready at once when nothing has to prove itself, and is as old as its acquisition', async () => {
    const { workspaceId } = await make.prebuild(pool);
    await store.advanceClock(60_000);
    await queue.complete(await queue.mustTake(daemon));
    expect(await member(workspaceId)).toEqual({ born: true, running: true, ready: true });
    expect(await judged()).toEqual([{ failed: false }]);
    expect(store.announced).toContainEqual({ kind: 'progress', poolId: pool.poolId });
    expect(store.announced).not.toContainEqual({ kind: 'pool', poolId: pool.poolId });
  });

  it('tells the pool how long it queued and ran', async () => {
    await make.prebuild(pool);
    await store.advanceClock(5_000);
    const attempt = await queue.mustTake(daemon);
    await store.advanceClock(3_000);
    await queue.complete(attempt);
    const event = await one<{ kind: string; details: Readonly<Record<string, number>> }>(
      'select kind, details from pool_events where pool_id = $1',
      [pool.poolId],
    );
    expect(event).toMatchObject({
      kind: 'build_succeeded',
      details: { transition: 'start', build: 1 },
    });
    expect(event.details['queue_ms']).toBeGreaterThanOrEqual(5_000);
    expect(event.details['build_ms']).toBeGreaterThanOrEqual(3_000);
  });

  it('leaves it out of the running when it fails, and is judged', async () => {
    const { workspaceId } = await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon), FAILED);
    expect(await member(workspaceId)).toMatchObject({ born: true, ready: false });
    expect(await judged()).toEqual([{ failed: true }]);
  });

  it.each(['hung', 'daemon_lost', 'no_provisioner'])(
    'is not judged when no template is to blame (%s)',
    async (errorCode) => {
      await make.prebuild(pool);
      const result = { outcome: 'failed', error: 'x', errorCode } as const;
      await queue.complete(await queue.mustTake(daemon), result);
      expect(await judged()).toEqual([]);
    },
  );

  it('is not judged when it was canceled', async () => {
    await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon), { outcome: 'canceled' });
    expect(await judged()).toEqual([]);
    const canceled = await make.prebuild(pool);
    await queue.cancel(canceled.jobId);
    expect(await judged()).toEqual([]);
    expect(await queue.status(canceled.jobId)).toMatchObject({ status: 'canceled', attempt: 0 });
  });

  it('is remembered among the newest hundred of its pool only', async () => {
    // All ended long ago; one of them was made in the future, as it were.
    await store.sql(
      `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
       select $1, gen_random_uuid(), $2, standby_now() + (case n when 1 then 1 else -n end)
         * interval '1 minute', standby_now() - interval '1 day', true
       from generate_series(1, 103) as n`,
      [pool.poolId, pool.presetId],
    );
    await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon));
    const kept = await store.sql<{ failed: boolean; minutes: number }>(
      `select failed, round(extract(epoch from created_at - standby_now()) / 60)::int as minutes
       from judged_builds where pool_id = $1 order by created_at desc`,
      [pool.poolId],
    );
    expect(kept).toHaveLength(100);
    expect(kept[0]).toEqual({ failed: true, minutes: 1 });
    expect(kept[1]).toEqual({ failed: false, minutes: 0 });
    expect(kept.at(-1)).toEqual({ failed: true, minutes: -99 });
  });
});

describe('a build on one machine', () => {
  it('binds the workspace to the machine that built it', async () => {
    const home = await queue.daemon({ drivers: ['process'], machineId: 'home' });
    const { workspaceId } = await make.workspace(pool, { ownerId, driver: 'process' });
    const attempt = await queue.mustTake(home);
    await queue.complete(attempt);
    expect(await one('select machine_id from workspaces where id = $1', [workspaceId])).toEqual({
      machine_id: 'home',
    });
  });

  it('binds it even when it failed, since something may be left there', async () => {
    const home = await queue.daemon({ drivers: ['process'], machineId: 'home' });
    const { workspaceId } = await make.workspace(pool, { ownerId, driver: 'process' });
    await queue.complete(await queue.mustTake(home), FAILED);
    expect(await one('select machine_id from workspaces where id = $1', [workspaceId])).toEqual({
      machine_id: 'home',
    });
  });

  it('binds nothing that lives elsewhere', async () => {
    const { workspaceId } = await make.workspace(pool, { ownerId });
    await queue.complete(await queue.mustTake(daemon));
    expect(await one('select machine_id from workspaces where id = $1', [workspaceId])).toEqual({
      machine_id: null,
    });
  });
});

describe('a claim’s build', () => {
  it('turns the hit into a failure when it fails', async () => {
    const first = await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon));
    await store.sql(
      `with gone as (delete from pool_members where workspace_id = $1)
       update workspaces set owner_id = $2, epoch = 1 where id = $1`,
      [first.workspaceId, ownerId],
    );
    await store.sql(
      `insert into claims (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch,
         outcome, stage_ms, at)
       values (gen_random_uuid(), $1, $2, $3, $4, $5, 1, 'hit', '{}', standby_now())`,
      [organizationId, pool.templateId, ownerId, pool.poolId, first.workspaceId],
    );
    await make.nextBuild(pool, first, {
      transition: 'start',
      stage: 'claim',
      initiatorId: ownerId,
      jobClass: 1,
    });
    await queue.complete(await queue.mustTake(daemon), FAILED);
    expect(
      await one('select outcome from claims where workspace_id = $1', [first.workspaceId]),
    ).toEqual({ outcome: 'failed' });
  });
});
