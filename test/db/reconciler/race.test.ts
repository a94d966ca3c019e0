// What happens at the same moment: two reconciles, a claim, an acquisition, a promotion, a pause.
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PoolId, WorkspaceId } from '../../../src/base/id.ts';
import { takeForDelete } from '../../../src/store/prebuild.ts';
import { ensureAllMemberships } from '../../../src/reconciler/membership.ts';
import { PAUSE_LOCK } from '../../../src/store/advisory-lock.ts';
import { asJson } from '../../../src/store/statement.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { somebodyWaits } from '../../support/held-turn.ts';
import { countLive, doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
/** Two processes' connection pools. */
let replicas: readonly Pick<TestStore, 'kit' | 'database'>[];
/** A session of its own, to hold locks with. */
let session: pg.Client;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  replicas = [store, { kit: store.kit, database: store.open() }];
  session = await store.database.connect();
});
afterAll(async () => {
  await session.end();
  await store.close();
});
beforeEach(async () => {
  const organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }), { desired: 3 });
});

const reconcile = (replica = replicas[0]!) => reconcileNow(replica, pool.poolId);
const setDesired = (desired: number) =>
  store.sql('update presets set desired_instances = $2 where id = $1', [pool.presetId, desired]);

/** Fresh and starting ones. */
async function living(poolId: PoolId): Promise<number> {
  const [row] = await store.sql<{ count: number }>(
    `select count(*)::int from pool_members where pool_id = $1 and transition = 'start'`,
    [poolId],
  );
  return row!.count;
}

describe('two replicas that reconcile one pool at once', () => {
  it('never make more than the target, in 200 rounds', { timeout: 60_000 }, async () => {
    const seen: number[] = [];
    const wanted: number[] = [];
    for (let round = 0; round < 200; round++) {
      const desired = [3, 0, 7, 1, 12, 5][round % 6]!;
      await setDesired(desired);
      await Promise.all([...replicas, ...replicas].map((replica) => reconcile(replica)));
      seen.push(await living(pool.poolId));
      wanted.push(desired);
    }
    expect(seen).toEqual(wanted);
  });
});

describe('the membership of the user of prebuilds', () => {
  it('is made once by six at once over several pools', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 20; round++) {
      const organizationId = await make.organization();
      const template = await make.template({ organizationId });
      const pools = [
        await make.pool(template),
        await make.pool(template),
        await make.pool(template),
      ];
      // Passes, turns of pools, and each of these on connections of its own.
      const passes = replicas.map(({ kit, database }) => ensureAllMemberships(kit, database));
      const turns = [...pools, pools[0]!].map(({ poolId }, n) =>
        reconcileNow(replicas[n % replicas.length]!, poolId),
      );
      for (const failed of await Promise.all(passes)) expect([...failed]).toEqual([]);
      for (const outcome of await Promise.all(turns)) expect(outcome).toMatchObject({ errors: [] });
      const live = await Promise.all(pools.map(({ poolId }) => living(poolId)));
      expect(live).toEqual([1, 1, 1]);
      const belongs = await store.sql(
        `select (select count(*)::int from memberships where organization_id = $1) as memberships,
           (select count(*)::int from groups where organization_id = $1) as groups,
           (select count(*)::int from group_members m join groups g on g.id = m.group_id
             where g.organization_id = $1) as group_members`,
        [organizationId],
      );
      expect(belongs).toEqual([{ memberships: 1, groups: 1, group_members: 1 }]);
    }
  });
});

describe('a claim and a delete of the same workspace', () => {
  it('have exactly one winner, and what was claimed is never touched', async () => {
    const userId = await make.user({ organizationId: pool.organizationId });
    const outcomes = { claimed: 0, deleted: 0 };
    for (let round = 0; round < 60; round++) {
      await setDesired(1);
      await reconcile();
      await builder.buildAll();
      await setDesired(0);
      const [claimed, outcome] = await Promise.all([
        claimOne(replicas[1]!.database, store.kit, { pool, userId, name: `mine-${round}` }),
        reconcile(),
      ]);
      const deletes = await store.sql(
        `select w.owner_id from builds b join workspaces w on w.id = b.workspace_id
         where w.pool_id = $1 and b.transition = 'delete' and b.created_at >= $2`,
        [pool.poolId, new Date(outcome.kind === 'reconciled' ? outcome.at : 0)],
      );
      expect([claimed === undefined ? 0 : 1, deletes.length].sort()).toEqual([0, 1]);
      outcomes[claimed === undefined ? 'deleted' : 'claimed'] += 1;
      await builder.buildAll();
      expect(await living(pool.poolId)).toBe(0);
    }
    const touched = await store.sql(
      `select from builds b join workspaces w on w.id = b.workspace_id
       where w.owner_id = $1 and b.transition = 'delete'`,
      [userId],
    );
    expect(touched).toEqual([]);
    expect(outcomes.claimed + outcomes.deleted).toBe(60);
  });

  it('leave the workspace to a claim that came first and has not committed yet', async () => {
    const userId = await make.user({ organizationId: pool.organizationId });
    await setDesired(1);
    await reconcile();
    await builder.buildAll();
    await setDesired(0);
    await session.query('begin');
    const {
      rows: [member],
    } = await session.query<{ workspace_id: string }>(
      'delete from pool_members where pool_id = $1 returning workspace_id',
      [pool.poolId],
    );
    const deleting = reconcile();
    await somebodyWaits(store);
    await session.query(
      `update workspaces set owner_id = $2, name = 'taken', epoch = 1 where id = $1`,
      [member!.workspace_id, userId],
    );
    await session.query('commit');
    expect(doneOf(await deleting)).toEqual(['pool.deleting 0 extraneous']);
    expect(
      await store.sql('select from builds where workspace_id = $1', [member!.workspace_id]),
    ).toHaveLength(1);
  });
});

describe('the write that takes a workspace for deletion', () => {
  const take = (workspaceId: WorkspaceId, buildNumber: number) =>
    takeForDelete.all(store.database, { rows: asJson([{ workspaceId, buildNumber }]) });

  it('takes only what is as it was decided on: unclaimed, and its latest build the same', async () => {
    const { workspaceId } = await make.prebuild(pool);
    expect(await take(workspaceId, 2)).toEqual([]);
    expect(await take(workspaceId, 1)).toMatchObject([{ workspaceId, number: 1 }]);
    // Even if the pool still believed that it was its own.
    const userId = await make.user({ organizationId: pool.organizationId });
    await store.sql(`update workspaces set owner_id = $2, epoch = 1 where id = $1`, [
      workspaceId,
      userId,
    ]);
    expect(await take(workspaceId, 1)).toEqual([]);
  });
});

describe('a deadlock in the middle of an action', () => {
  it('ends with the whole reconcile done again, not with the action left out', async () => {
    await store.sql('create sequence tries');
    await store.sql(`
      create function collide() returns trigger language plpgsql as $$
        begin
          if nextval('tries') = 1 then raise exception 'met' using errcode = 'deadlock_detected'; end if;
          return null;
        end $$`);
    await store.sql(
      'create trigger collide after insert on pool_members for each statement execute function collide()',
    );
    const outcome = await reconcile();
    await store.sql('drop function collide cascade');
    expect(outcome).toMatchObject({ kind: 'reconciled', errors: [] });
    expect(await living(pool.poolId)).toBe(3);
  });
});

describe('canceling what is pending', () => {
  it('leaves alone what a daemon takes at the same moment', async () => {
    await reconcile();
    await setDesired(0);
    await session.query('begin');
    await session.query(
      `update jobs set attempt = 1, acquired_at = standby_now(), heartbeat_at = standby_now()
       where id = (select job_id from pool_members where pool_id = $1 order by job_id desc limit 1)`,
      [pool.poolId],
    );
    const canceling = reconcile();
    await somebodyWaits(store);
    await session.query('commit');
    expect(doneOf(await canceling)).toEqual(['pool.canceled 2']);
    expect(await countLive(store, pool.poolId)).toEqual({ 'start running': 1 });
    const ended = await store.sql(
      `select b.transition, j.status, j.attempt, w.deleted_at is not null as deleted
       from builds b
       join jobs j on j.id = b.job_id
       join workspaces w on w.id = b.workspace_id
       where w.pool_id = $1 and w.deleted_at is not null
       order by b.transition, b.id`,
      [pool.poolId],
    );
    const deleted = { transition: 'delete', status: 'succeeded', attempt: 0, deleted: true };
    const canceled = { transition: 'start', status: 'canceled', attempt: 0, deleted: true };
    expect(ended).toEqual([deleted, deleted, canceled, canceled]);
  });

  it('and acquisitions leave every job either canceled or taken, in 40 rounds', async () => {
    for (let round = 0; round < 40; round++) {
      await setDesired(4);
      await reconcile();
      await setDesired(0);
      const [taken] = await Promise.all([
        builder.take({ poolId: pool.poolId, limit: 2 }),
        reconcile(),
      ]);
      const starting = taken.filter(({ transition }) => transition === 'start').length;
      expect(await living(pool.poolId)).toBe(starting);
      for (const { jobId } of taken) {
        await builder.finish(jobId, { outcome: 'succeeded', outputs: {} });
      }
      await reconcile();
      await builder.buildAll();
      expect(await living(pool.poolId)).toBe(0);
    }
  });
});

describe('a change that takes the locks of a reconcile', () => {
  it('of the active version is seen by a reconcile that waited for it', async () => {
    await reconcile();
    await session.query('begin');
    await session.query('select from pools where id = $1 for no key update', [pool.poolId]);
    const { versionId } = await make.version(pool);
    await session.query('update templates set active_version_id = $2 where id = $1', [
      pool.templateId,
      versionId,
    ]);
    const waiting = reconcile();
    await somebodyWaits(store);
    await session.query('commit');
    expect(doneOf(await waiting)).toEqual(['pool.canceled 3']);
  });

  it('pauses everything: no write follows once it was answered', async () => {
    await session.query('begin');
    await session.query('select pg_advisory_xact_lock($1)', [PAUSE_LOCK]);
    const waiting = reconcile();
    await somebodyWaits(store);
    await session.query(
      `insert into settings values ('prebuilds', '{"reconciliation_paused": true}')`,
    );
    await session.query('commit');
    expect(doneOf(await waiting)).toEqual(['paused']);
    expect(await living(pool.poolId)).toBe(0);
    await store.sql('delete from settings');
  });
});
