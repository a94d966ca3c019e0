// What is long over goes, with everything that hangs on it, and nothing else does.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createId, type WorkspaceId } from '../../../src/base/id.ts';
import { pruneHistory } from '../../../src/jobs/prune-history.ts';
import { createPruner } from '../../../src/jobs/pruner.ts';
import { reportWorkspaces } from '../../../src/jobs/report-workspaces.ts';
import { keepState } from '../../../src/jobs/state/keep-state.ts';
import { queueStrayCleanups } from '../../../src/jobs/state/clean-strays.ts';
import { takeState } from '../../../src/jobs/state/take-state.ts';
import { AWAITED_DAYS } from '../../../src/store/awaited-stray.ts';
import { recordMiss } from '../../../src/store/claim.ts';
import { readCounters } from '../../../src/store/counter.ts';
import type { Database } from '../../../src/store/database.ts';
import { dropOldIdempotencyKeys } from '../../../src/store/idempotency-key.ts';
import { removeOldWaiters } from '../../../src/store/waiter-end.ts';
import { FAILED } from '../../support/queue.ts';
import { reconcileNow } from '../../support/reconcile.ts';
import { DAY_MS, HOUR_MS, layHistoryGround, type HistoryGround } from './ground.ts';

let ground: HistoryGround;
beforeEach(async () => {
  ground = await layHistoryGround();
});
afterEach(() => ground.store.close());

const MONTH_MS = 30 * DAY_MS;

/** Claimed and deleted, with a successor in its pool. */
async function gone(name = 'demo'): Promise<WorkspaceId> {
  const { workspaceId } = await ground.create({ name });
  await ground.remove(workspaceId);
  return workspaceId;
}

const counters = (): Promise<unknown> => readCounters.all(ground.store.database, {});
const log = (jobs: string, lines: number): Promise<unknown> =>
  ground.store.sql(
    `insert into job_logs (job_id, attempt, seq, at, level, line)
     select j.id, 1, seq, standby_now(), 'info', 'x'
     from generate_series(1, $1::integer) as seq, jobs j where ${jobs}`,
    [lines],
  );

describe('a workspace that is over', () => {
  it('goes with all that was about it, after its time and not before', async () => {
    const before = await ground.rows();
    const workspaceId = await gone();
    await ground.store.sql(
      `insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at, ended_at)
       select gen_random_uuid(), id, workspace_id, 1, sha256('x'), standby_now(), standby_now()
       from agents where workspace_id = $1`,
      [workspaceId],
    );
    await log('true', 3);
    await ground.store.sql(`delete from job_logs l using jobs j
      where j.id = l.job_id and j.type = 'template_version_import'`);
    const counted = await counters();
    await ground.store.advanceClock(29 * DAY_MS);
    const there = await ground.rows();
    expect(await ground.prune(MONTH_MS)).toMatchObject({ workspaces: 0, poolEvents: 0 });
    expect(await ground.rows()).toEqual(there);
    await ground.store.advanceClock(2 * DAY_MS);
    expect(await ground.prune(0)).toMatchObject({ workspaces: 0, poolEvents: 0 });
    expect(await ground.prune(MONTH_MS)).toMatchObject({ workspaces: 1 });
    // What is left are two of the pool, as before, with their logs; events go by their own age.
    const { pool_events: _, ...left } = before;
    expect(await ground.rows()).toEqual({ ...left, job_logs: 3 * (left['jobs'] ?? NaN) });
    expect(await counters()).toEqual(counted);
    expect(await ground.prune(MONTH_MS)).toMatchObject({ workspaces: 0, poolEvents: 0 });
    expect(await ground.examine()).toEqual({ findings: [], unfinished: [] });
  });

  it('goes alone: what lives keeps its history, however old, and so do pools', async () => {
    const { workspaceId: living } = await ground.create({ name: 'living' });
    await ground.settle();
    await ground.store.advanceClock(10 * DAY_MS);
    const dead = await gone();
    const judged = await ground.store.sql('select * from judged_builds order by workspace_id');
    const versions = await ground.store.sql('select * from template_versions');
    await ground.store.advanceClock(400 * DAY_MS);
    expect(await ground.prune(MONTH_MS)).toMatchObject({ workspaces: 1 });
    expect(await ground.exists(dead)).toBe(false);
    const [kept] = await ground.store.sql(
      `select (select count(*)::int from builds where workspace_id = $1) as builds,
         (select count(*)::int from claims where workspace_id = $1) as claims,
         (select count(*)::int from state_locks where workspace_id = $1) as locks,
         (select count(*)::int from agents where workspace_id = $1) as agents,
         (select count(*)::int from jobs where type = 'template_version_import') as imports`,
      [living],
    );
    expect(kept).toEqual({ builds: 1, claims: 1, locks: 1, agents: 1, imports: 1 });
    expect(await ground.store.sql('select * from judged_builds order by workspace_id')).toEqual(
      judged,
    );
    expect(await ground.store.sql('select * from template_versions')).toEqual(versions);
    expect((await ground.examine()).findings).toEqual([]);
  });

  it('is unknown from then on: a daemon that still has it is told to remove it', async () => {
    const workspaceId = await gone();
    await ground.store.advanceClock(MONTH_MS + DAY_MS);
    await ground.prune(MONTH_MS);
    const reported = [{ id: workspaceId, state: 'running' as const, ready: true }];
    expect(await reportWorkspaces(ground.queue.deps, ground.daemon, reported)).toEqual([
      { id: workspaceId, want: 'remove' },
    ]);
    expect(await ground.exists(workspaceId)).toBe(false);
  });

  it('stays as long as its idempotency key counts, which gives it again', async () => {
    const { workspaceId } = await ground.create({ idempotencyKey: 'k' });
    await ground.remove(workspaceId);
    await ground.store.advanceClock(23 * HOUR_MS);
    expect(await ground.prune(HOUR_MS)).toMatchObject({ workspaces: 0 });
    expect(await ground.create({ idempotencyKey: 'k' })).toMatchObject({ workspaceId });
    await ground.store.advanceClock(2 * HOUR_MS);
    await dropOldIdempotencyKeys.run(ground.store.database, { limit: 10 });
    expect(await ground.prune(HOUR_MS)).toMatchObject({ workspaces: 1 });
    const again = await ground.create({ idempotencyKey: 'k' });
    expect(again).toMatchObject({ claimed: true });
    expect(again.workspaceId).not.toBe(workspaceId);
  });

  it('stays as long as the waiter that was served with it can be asked for', async () => {
    const { store, pool } = ground;
    const waits = { name: 'late', onEmpty: 'wait', idempotencyKey: 'k' } as const;
    await ground.create({ name: 'first' });
    await ground.create({ name: 'second' });
    await expect(ground.create(waits)).rejects.toThrow('it stands in line');
    await ground.settle();
    await reconcileNow(store, pool.poolId);
    const { workspaceId } = await ground.create(waits);
    await ground.remove(workspaceId);
    await store.advanceClock(23 * HOUR_MS);
    expect(await ground.prune(HOUR_MS)).toMatchObject({ workspaces: 0 });
    expect(await ground.create(waits)).toMatchObject({ workspaceId });
    await store.advanceClock(2 * HOUR_MS);
    await removeOldWaiters.run(store.database, { limit: 10 });
    expect(await ground.prune(HOUR_MS)).toMatchObject({ workspaces: 1 });
  });

  it("stays while its pool's brakes wait for how its trial ended", async () => {
    const workspaceId = await gone();
    await ground.store.sql(
      `insert into pool_brakes (pool_id, preset_id, judged_since, limited_at, trial_at, cooldown_ms,
         trial_workspace_id)
       values ($1, $2, standby_now(), standby_now(), standby_now(), 1, $3)
       on conflict (pool_id) do update
       set limited_at = excluded.limited_at, trial_at = excluded.trial_at,
         cooldown_ms = excluded.cooldown_ms, trial_workspace_id = excluded.trial_workspace_id`,
      [ground.pool.poolId, ground.pool.presetId, workspaceId],
    );
    await ground.store.advanceClock(2 * DAY_MS);
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 0 });
    await ground.store.sql('update pool_brakes set trial_workspace_id = null');
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 1 });
  });
});

describe('a workspace that an attempt may have made something for', () => {
  const keep = async (
    attempt: Awaited<ReturnType<HistoryGround['queue']['mustTake']>>,
    lock: number,
  ): Promise<string> => {
    const { jobId, daemon } = attempt;
    const { daemonId, incarnation } = daemon;
    return keepState(ground.queue.deps, {
      ...{ daemonId, incarnation, jobId, attempt: attempt.attempt, lock },
      ...{ sequence: 1, state: '{"serial":1}' },
    });
  };

  async function failedAndDeleted() {
    const { queue, daemon, store, make, pool, ann } = ground;
    const { workspaceId } = await make.workspace(pool, { ownerId: ann });
    const start = await queue.mustTake(daemon);
    await takeState(queue.deps, start);
    await queue.complete(start, FAILED);
    await ground.remove(workspaceId);
    expect(await store.sql('select from workspaces where deleted_at is not null')).toHaveLength(1);
    return { workspaceId, start };
  }

  it('stays for the time in which that may turn up', async () => {
    const { workspaceId } = await failedAndDeleted();
    await ground.store.advanceClock((AWAITED_DAYS - 1) * DAY_MS);
    await ground.prune(DAY_MS);
    expect(await ground.exists(workspaceId)).toBe(true);
    await ground.store.advanceClock(2 * DAY_MS);
    await ground.prune(DAY_MS);
    expect(await ground.exists(workspaceId)).toBe(false);
  });

  it('stays until what turned up is destroyed, and the jobs that did so go as well', async () => {
    const { workspaceId, start } = await failedAndDeleted();
    expect(await keep(start, 1)).toBe('stray');
    await ground.store.advanceClock((AWAITED_DAYS + 30) * DAY_MS);
    await ground.prune(DAY_MS);
    expect(await ground.exists(workspaceId)).toBe(true);
    await queueStrayCleanups(ground.queue.deps);
    await ground.queue.complete(await ground.queue.mustTake(ground.daemon));
    await ground.prune(DAY_MS);
    expect(await ground.exists(workspaceId)).toBe(true);
    await ground.store.advanceClock(2 * DAY_MS);
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 0, loneJobs: 0 });
    await queueStrayCleanups(ground.queue.deps); // which forgets what was destroyed
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 1, loneJobs: 1 });
    expect(await ground.exists(workspaceId)).toBe(false);
    expect((await ground.examine()).findings).toEqual([]);
  });

  it('is kept by the keys between its rows if that turns up just then', async () => {
    const { workspaceId, start } = await failedAndDeleted();
    await ground.store.advanceClock((AWAITED_DAYS + 1) * DAY_MS);
    // Held still by who prunes, and inserted meanwhile.
    const client = await ground.store.database.connect();
    await client.query('begin');
    await client.query(
      `insert into stray_states (id, workspace_id, lock_number, incarnation, sequence, key_id, sealed,
         created_at)
       select gen_random_uuid(), $1, 1, 1, 1, id, '', standby_now() from data_keys`,
      [workspaceId],
    );
    const pruned = ground.prune(DAY_MS);
    const refused = expect(pruned).rejects.toMatchObject({
      constraint: 'stray_states_lock_fkey',
    });
    await expect
      .poll(() =>
        ground.store.sql(
          `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%state_locks%'`,
        ),
      )
      .not.toEqual([]);
    await client.query('commit');
    await client.end();
    await refused;
    expect(await ground.exists(workspaceId)).toBe(true);
    expect(await keep(start, 1)).toBe('stray');
    await ground.prune(DAY_MS);
    expect(await ground.exists(workspaceId)).toBe(true);
  });
});

describe('misses and events of pools', () => {
  const miss = (): Promise<number> => {
    const { store, pool, ann } = ground;
    return recordMiss.run(store.database, {
      ...{ claimId: createId(store.kit), eventId: createId(store.kit), reason: 'empty' },
      ...{ organizationId: pool.organizationId, templateId: pool.templateId, userId: ann },
      ...{ poolId: pool.poolId, preset: pool.presetName, workspaceId: null, epoch: null },
      resolveMs: 0,
    });
  };
  const events = (): Promise<readonly unknown[]> =>
    ground.store.sql('select kind, reason from pool_events order by at, id');

  it('go by their age, whatever became of workspaces', async () => {
    await miss();
    const old = (await events()).length;
    await ground.store.advanceClock(2 * DAY_MS);
    await miss();
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 0, misses: 1, poolEvents: old });
    expect(await events()).toEqual([{ kind: 'missed', reason: 'empty' }]);
    expect(await ground.store.sql('select from claims')).toHaveLength(1);
    expect((await ground.examine()).findings).toEqual([]);
  });

  it('are not taken for old by the clock of who wrote them', async () => {
    await ground.store.sql('delete from pool_events');
    await miss();
    // As a control plane whose clock is a year behind would have named it.
    await ground.store.sql(`update pool_events set id = '0190a000-0000-7000-8000-000000000000'`);
    expect(await ground.prune(DAY_MS)).toMatchObject({ poolEvents: 0 });
    await ground.store.advanceClock(2 * DAY_MS);
    expect(await ground.prune(DAY_MS)).toMatchObject({ poolEvents: 1 });
  });
});

describe('much that is over', () => {
  /** Made ordinarily, since nothing is claimed but what is ready. */
  const many = async (count: number): Promise<void> => {
    const { store, make, pool, ann, queue } = ground;
    for (let n = 0; n < count; n++) await make.workspace(pool, { ownerId: ann });
    await store.sql(
      `with ended as (
         update jobs set acquired_at = standby_now(), heartbeat_at = standby_now(), attempt = 1,
           completed_at = standby_now(), error = 'broken', error_code = 'build_failed'
         where status = 'pending' returning id)
       update workspaces w set deleted_at = standby_now()
       from builds b, ended where b.job_id = ended.id and w.id = b.workspace_id`,
    );
    expect(await queue.take(ground.daemon)).toBeUndefined();
    await store.advanceClock(2 * DAY_MS);
  };

  it('goes once, however many replicas take it away', async () => {
    await many(450);
    const before = await ground.rows();
    const databases = [ground.store.database, ground.store.open(2), ground.store.open(2)];
    const pruned = await Promise.all(databases.map((each) => ground.prune(DAY_MS, each)));
    pruned.push(await ground.prune(DAY_MS)); // what one passed over because another held it
    expect(pruned.reduce((sum, { workspaces }) => sum + workspaces, 0)).toBe(450);
    expect(await ground.rows()).toMatchObject({
      workspaces: (before['workspaces'] ?? NaN) - 450,
      builds: (before['builds'] ?? NaN) - 450,
      jobs: (before['jobs'] ?? NaN) - 450,
    });
  });

  it('is whole, there or gone, when who takes it away is stopped in the middle', async () => {
    await many(250);
    let statements = 0;
    const query: Database['query'] = (asked) => {
      if (asked.name === 'history.remove_workspaces' && ++statements > 1) {
        return Promise.reject(new Error('killed'));
      }
      return ground.store.database.query(asked);
    };
    await expect(ground.prune(DAY_MS, { ...ground.store.database, query })).rejects.toThrow(
      'killed',
    );
    const left = await ground.rows();
    expect(left['workspaces']).toBe(152);
    expect(left['jobs']).toBe(left['builds']);
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 150 });
  });

  it('is left to the next time by who is told to stop', async () => {
    await many(150);
    const stopped = new AbortController();
    const query: Database['query'] = async (asked) => {
      const result = await ground.store.database.query(asked);
      if (asked.name === 'history.remove_workspaces') stopped.abort();
      return result;
    };
    const deps = { ...ground.store.kit, database: { ...ground.store.database, query } };
    expect(await pruneHistory(deps, { retentionMs: DAY_MS }, stopped.signal)).toEqual({
      workspaces: 100,
      loneJobs: 0,
      misses: 0,
    });
  });

  it('is passed over where somebody holds it', async () => {
    await many(2);
    const client = await ground.store.database.connect();
    await client.query('begin');
    await client.query(
      `select from workspaces where deleted_at is not null order by id limit 1 for update`,
    );
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 1 });
    await client.query('rollback');
    await client.end();
    expect(await ground.prune(DAY_MS)).toMatchObject({ workspaces: 1 });
  });

  it('takes its logs with it some thousand lines at a time', async () => {
    await many(2);
    await log(`error_code = 'build_failed'`, 12_000);
    const first = await ground.prune(DAY_MS);
    expect(await ground.rows()).toMatchObject({ job_logs: 4_000 });
    const second = await ground.prune(DAY_MS);
    expect(first.workspaces + second.workspaces).toBe(2);
    expect(second.workspaces).toBeGreaterThan(0);
    expect(await ground.rows()).not.toHaveProperty('job_logs');
  });

  it('goes by the pruner of any replica', async () => {
    await many(3);
    const { store } = ground;
    const options = { intervalMs: 10, logRetentionMs: 0, historyRetentionMs: DAY_MS };
    const pruner = createPruner({ ...store.kit, database: store.database }, options);
    await pruner.start();
    await expect
      .poll(() => store.sql('select from workspaces where deleted_at is not null'))
      .toEqual([]);
    expect(await pruner.stop('test', 5_000)).toBe('stopped');
  });
});

describe('what became of waiters', () => {
  it('goes a day after its end, in one look though they are many', async () => {
    const { store, pool, ann } = ground;
    await store.sql(
      `insert into waiters (id, organization_id, template_id, pool_id, user_id, name, priority,
         parameters, miss_reason, created_at, deadline_at, ended_at, outcome)
       select gen_random_uuid(), l.organization_id, l.template_id, l.id, $2, 'demo', 0, '{}', 'empty',
         at - interval '1 hour', at, at, 'timed_out'
       from generate_series(1, 1500) as n,
         lateral (select standby_now() - interval '1 hour' * case n when 1 then 23 else 25 end as at) as t,
         pools l
       where l.id = $1`,
      [pool.poolId, ann],
    );
    const options = { intervalMs: 3_600_000, logRetentionMs: 0, historyRetentionMs: 0 };
    const pruner = createPruner({ ...store.kit, database: store.database }, options);
    await pruner.start();
    await expect.poll(() => store.sql('select from waiters')).toHaveLength(1);
    expect(await pruner.stop('test', 5_000)).toBe('stopped');
  });
});
