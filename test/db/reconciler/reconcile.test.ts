// One pool's reconcile, step by step, against a real database.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPrebuilds, type Created } from '../../../src/reconciler/act/create.ts';
import { decideSeenPool, readPools } from '../../../src/reconciler/seen-pool.ts';
import { AGENT_WATCH } from '../../../src/store/live-pool/ready-now.ts';
import { lockPool } from '../../../src/store/pool-lock.ts';
import { keepWatch } from '../../../src/store/watch.ts';
import { createBuilder, SUCCEEDED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { countLive, doneOf, reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  const organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }), { desired: 3 });
});

const reconcile = async (): Promise<readonly string[]> =>
  doneOf(await reconcileNow(store, pool.poolId));
const setDesired = (desired: number) =>
  store.sql('update presets set desired_instances = $2 where id = $1', [pool.presetId, desired]);

describe('a decision that asks for more than is missing', () => {
  /** As nothing that decides should: under the lock, with a count of one's own. */
  const createAnyway = (count: number): Promise<Created> =>
    store.database.transaction(async (tx) => {
      const { poolId } = pool;
      await lockPool.one(tx, { poolId });
      const { moment, pools } = await readPools(tx, [poolId], RECONCILER_OPTIONS);
      const [seen] = pools;
      const [decision] = decideSeenPool(seen!, moment, RECONCILER_OPTIONS).presets;
      const acting = { kit: store.kit, tx, pool: seen! };
      return createPrebuilds(acting, { decision: decision!, count }, { maxInFlight: 1_000 });
    });
  const clamped = (asked: number, wanted: number) => ({
    ...{ event: 'pool.clamped', level: 'critical', fields: { asked, wanted } },
  });

  it('is cut to what is missing, and the log says so as what must never happen', async () => {
    expect(await createAnyway(7)).toMatchObject({
      done: [clamped(7, 3), { event: 'pool.created', level: 'info', count: 3 }],
      held: { overBudget: 0, overQuota: 0 },
    });
    expect(await createAnyway(2)).toMatchObject({
      done: [clamped(2, 0)],
      held: { overBudget: 0, overQuota: 0 },
    });
    expect(await countLive(store, pool.poolId)).toEqual({ 'start pending': 3 });
  });

  it('is none that asks for less', async () => {
    const { done } = await createAnyway(2);
    expect(done).toMatchObject([{ event: 'pool.created', count: 2 }]);
  });
});

describe('a pool', () => {
  it('fills to its target, and eight more turns change nothing', async () => {
    expect(await reconcile()).toEqual(['pool.created 3']);
    for (let turn = 0; turn < 8; turn++) expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({ 'start pending': 3 });
    await builder.buildAll();
    for (let turn = 0; turn < 8; turn++) expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({ 'start succeeded': 3 });
  });

  it('shrinks: what is pending is canceled on the spot, what runs is deleted', async () => {
    await setDesired(6);
    await reconcile();
    const [first, second] = await builder.take({ poolId: pool.poolId, limit: 2 });
    await builder.finish(first!.jobId, SUCCEEDED);
    await builder.finish(second!.jobId, SUCCEEDED);
    await setDesired(1);
    expect(await reconcile()).toEqual(['pool.canceled 4', 'pool.deleting 1 extraneous']);
    expect(await countLive(store, pool.poolId)).toEqual({
      'delete pending': 1,
      'start succeeded': 1,
    });
    await builder.buildAll();
    expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({ 'start succeeded': 1 });
  });

  it('makes nothing and deletes nothing while it is paused', async () => {
    await store.sql('update pools set paused = true where id = $1', [pool.poolId]);
    expect(await reconcile()).toEqual(['paused']);
    expect(await countLive(store, pool.poolId)).toEqual({});
  });

  it('is left alone while everything is paused, and when the settings are unreadable', async () => {
    const set = (value: unknown) =>
      store.sql(
        `insert into settings values ('prebuilds', $1)
         on conflict (name) do update set value = excluded.value`,
        [JSON.stringify(value)],
      );
    await set({ reconciliation_paused: true });
    expect(await reconcile()).toEqual(['paused']);
    for (const unreadable of [{}, { reconciliation_paused: 'no' }, 1, null, []]) {
      await set(unreadable);
      await expect(reconcile()).rejects.toMatchObject({ code: 'SETTINGS_UNREADABLE' });
    }
    expect(await countLive(store, pool.poolId)).toEqual({});
    await set({ reconciliation_paused: false });
    expect(await reconcile()).toEqual(['pool.created 3']);
    await store.sql('delete from settings');
  });

  it('is drained and filled anew when another version becomes active', async () => {
    await reconcile();
    const [taken] = await builder.take({ poolId: pool.poolId, limit: 1 });
    await builder.finish(taken!.jobId, SUCCEEDED);
    const { versionId } = await make.version(pool, { active: true });
    const next = await make.pool({ ...pool, versionId }, { name: pool.presetName, desired: 2 });
    expect(next.poolId).toBe(pool.poolId);
    const done = await reconcile();
    expect([...done].sort()).toEqual([
      'pool.canceled 2',
      'pool.created 2',
      'pool.deleting 1 inactive',
    ]);
    const versions = await store.sql(
      'select distinct version_id from pool_members where pool_id = $1 and transition = $2',
      [pool.poolId, 'start'],
    );
    expect(versions).toEqual([{ version_id: versionId }]);
    expect(await reconcile()).toEqual([]);
  });

  it('is drained when its template is deprecated', async () => {
    await reconcile();
    await builder.buildAll();
    await store.sql(`update templates set deprecated = 'use another' where id = $1`, [
      pool.templateId,
    ]);
    expect(await reconcile()).toEqual(['pool.deleting 3 inactive']);
    await builder.buildAll();
    expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({});
  });

  it('replaces what is older than the TTL, or than an invalidation', async () => {
    await store.sql('update presets set ttl_seconds = 3600 where id = $1', [pool.presetId]);
    await reconcile();
    await builder.buildAll();
    await store.advanceClock(3_600_000 - 5_000);
    expect(await reconcile()).toEqual([]);
    await store.advanceClock(10_000);
    expect(await reconcile()).toEqual(['pool.deleting 3 expired', 'pool.created 3']);
    await builder.buildAll();
    await store.advanceClock(10);
    await store.sql('update pools set last_invalidated_at = standby_now() where id = $1', [
      pool.poolId,
    ]);
    expect(await reconcile()).toEqual(['pool.deleting 3 expired', 'pool.created 3']);
  });

  it('replaces what expired and takes away what is too much, in one turn', async () => {
    await store.sql('update presets set ttl_seconds = 3600 where id = $1', [pool.presetId]);
    await setDesired(2);
    await reconcile();
    await builder.buildAll();
    await store.advanceClock(1_800_000);
    await setDesired(6);
    expect(await reconcile()).toEqual(['pool.created 4']);
    await builder.buildAll();
    await store.advanceClock(1_800_001);
    await setDesired(3);
    expect(await reconcile()).toEqual(['pool.deleting 2 expired', 'pool.deleting 1 extraneous']);
    await builder.buildAll();
    await setDesired(5);
    await store.advanceClock(1_800_000);
    expect(await reconcile()).toEqual(['pool.deleting 3 expired', 'pool.created 5']);
  });

  it('of each preset of a version is filled for itself', async () => {
    const others = [
      await make.pool(pool, { desired: 1 }),
      await make.pool(pool, { desired: 0 }),
      await make.pool(pool, { desired: 2 }),
    ];
    const all = [pool, ...others];
    const done = [];
    for (const { poolId } of all) done.push(doneOf(await reconcileNow(store, poolId)));
    expect(done).toEqual([['pool.created 3'], ['pool.created 1'], [], ['pool.created 2']]);
    await builder.buildAll();
    await setDesired(0);
    expect(await reconcile()).toEqual(['pool.deleting 3 extraneous']);
    for (const { poolId } of others) {
      expect(doneOf(await reconcileNow(store, poolId))).toEqual([]);
    }
  });

  it('follows its schedules over a day', async () => {
    await store.sql(`update presets set timezone = 'UTC', schedules = $2 where id = $1`, [
      pool.presetId,
      JSON.stringify([
        { cron: '* 9-17 * * *', instances: 5 },
        { cron: '* 18-21 * * *', instances: 1 },
      ]),
    ]);
    const wantedAt = (hour: number): number =>
      hour >= 9 && hour <= 17 ? 5 : hour >= 18 && hour <= 21 ? 1 : 3;
    // Half past, so that no hour ends between a turn and the look at it.
    const [clock] = await store.sql<{ minute: number }>(
      'select extract(minute from standby_now())::int as minute',
    );
    await store.advanceClock((90 - clock!.minute) * 60_000);
    for (let hours = 0; hours < 24; hours++) {
      await reconcile();
      await builder.buildAll();
      const [now] = await store.sql<{ hour: number }>(
        `select extract(hour from standby_now() at time zone 'UTC')::int as hour`,
      );
      const live = await countLive(store, pool.poolId);
      expect([now!.hour, live]).toEqual([now!.hour, { 'start succeeded': wantedAt(now!.hour) }]);
      await store.advanceClock(3_600_000);
    }
  });

  it('goes on with its other actions when one fails, and says what failed', async () => {
    await reconcile();
    await builder.buildAll();
    await store.advanceClock(10);
    await store.sql('update pools set last_invalidated_at = standby_now() where id = $1', [
      pool.poolId,
    ]);
    await store.sql(`
      create function refuse() returns trigger language plpgsql as $$
        begin raise exception 'nothing new today'; end $$`);
    await store.sql(
      'create trigger refuse before insert on workspaces for each row execute function refuse()',
    );
    const outcome = await reconcileNow(store, pool.poolId);
    await store.sql('drop function refuse cascade');
    expect(doneOf(outcome)).toEqual(['pool.deleting 3 expired']);
    expect(outcome).toMatchObject({ errors: [{ message: 'nothing new today' }] });
    expect(await reconcile()).toEqual(['pool.created 3']);
  });

  it.each(['start_error', 'died'])('replaces what is broken (%s)', async (broken) => {
    await reconcile();
    await builder.buildAll();
    await store.sql(
      `update pool_members set ready = false, broken = $2, unready_since = standby_now()
       where workspace_id = (
         select workspace_id from pool_members where pool_id = $1 order by 1 limit 1)`,
      [pool.poolId, broken],
    );
    // It counts as a failed build, so the next waits for the backoff window.
    expect(await reconcile()).toEqual(['pool.deleting 1 unhealthy']);
    await store.advanceClock(61_000);
    expect(await reconcile()).toEqual(['pool.created 1']);
  });

  it('replaces at once what a machine lost, which is no failure of the template', async () => {
    await reconcile();
    await builder.buildAll();
    await store.sql(
      `update pool_members set ready = false, broken = 'gone', unready_since = standby_now()
       where pool_id = $1`,
      [pool.poolId],
    );
    expect(await reconcile()).toEqual(['pool.deleting 3 unhealthy', 'pool.created 3']);
  });

  it('replaces what went silent, but not for a time in which nobody listened', async () => {
    const agents = [
      {
        name: 'main',
        startup: null,
        on_claim: null,
        startup_timeout_seconds: 60,
        on_claim_timeout_seconds: 60,
      },
    ];
    const { organizationId } = pool;
    pool = await make.pool(await make.template({ organizationId, manifest: { agents } }));
    await reconcile();
    await builder.buildAll();
    await store.sql(
      `with seen as (
         update agents set lifecycle = 'ready', last_seen_at = standby_now()
         where workspace_id in (select workspace_id from pool_members where pool_id = $1)
       )
       update pool_members set ready = true where pool_id = $1`,
      [pool.poolId],
    );
    const listen = () =>
      keepWatch.run(store.database, { name: AGENT_WATCH, intervalMs: 10_000, timeoutMs: 60_000 });
    await store.advanceClock(60 * 60_000);
    expect(await reconcile()).toEqual([]);
    await listen();
    await store.advanceClock(9_000);
    await listen();
    expect(await reconcile()).toEqual([]);
    // A full timeout to be heard in, and the grace of one that was ready before.
    for (let lookMs = 9_000; lookMs < 60_000 + 120_000 - 9_000; lookMs += 9_000) {
      expect(await reconcile()).toEqual([]);
      await store.advanceClock(9_000);
      await listen();
    }
    await store.advanceClock(9_000);
    await listen();
    expect(await reconcile()).toContain('pool.deleting 1 unhealthy');
  });

  it('uses the machine and the version of the last build for a delete', async () => {
    await reconcile();
    await builder.buildAll();
    await store.sql(`update workspaces set machine_id = 'here' where pool_id = $1`, [pool.poolId]);
    await setDesired(0);
    expect(await reconcile()).toEqual(['pool.deleting 3 extraneous']);
    const jobs = await store.sql(
      `select distinct j.machine_id, j.class, b.number, b.version_id = $2 as same_version
       from builds b
       join jobs j on j.id = b.job_id
       join workspaces w on w.id = b.workspace_id
       where w.pool_id = $1 and b.transition = 'delete'`,
      [pool.poolId, pool.versionId],
    );
    expect(jobs).toEqual([{ machine_id: 'here', class: 3, number: 2, same_version: true }]);
  });

  it('gives each prebuild the agents of its manifest, and its own name', async () => {
    const template = await make.template({
      organizationId: pool.organizationId,
      manifest: {
        agents: ['main', 'side'].map((name) => ({
          name,
          startup: null,
          on_claim: null,
          startup_timeout_seconds: 60,
          on_claim_timeout_seconds: 60,
        })),
        agent_timeout_seconds: 7.5,
      },
    });
    pool = await make.pool(template, { desired: 2 });
    expect(await reconcile()).toEqual(['pool.created 2']);
    const agents = await store.sql(
      `select a.name, a.kind, a.timeout_seconds, count(*)::int
       from agents a join workspaces w on w.id = a.workspace_id
       where w.pool_id = $1 group by 1, 2, 3 order by 1`,
      [pool.poolId],
    );
    expect(agents).toEqual([
      { name: 'main', kind: 'program', timeout_seconds: 8, count: 2 },
      { name: 'side', kind: 'program', timeout_seconds: 8, count: 2 },
    ]);
    const names = await store.sql<{ name: string }>(
      'select name from workspaces where pool_id = $1',
      [pool.poolId],
    );
    expect(names.every(({ name }) => /^prebuild-[a-z2-7]{15}$/.test(name))).toBe(true);
  });

  it('belongs to an organization of which the system user is a member', async () => {
    await reconcile();
    const belongs = await store.sql(
      `select g.name, g.display_name, g.quota_allowance, m.roles
       from groups g
       join group_members gm on gm.group_id = g.id
       join memberships m on m.organization_id = g.organization_id and m.user_id = gm.user_id
       join users u on u.id = gm.user_id and u.is_system
       where g.organization_id = $1`,
      [pool.organizationId],
    );
    expect(belongs).toEqual([
      {
        name: 'prebuilt-workspaces',
        display_name: 'Prebuilt workspaces',
        quota_allowance: 0,
        roles: [],
      },
    ]);
  });
});
