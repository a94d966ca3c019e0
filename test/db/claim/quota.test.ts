// What people may spend is compared with what they do in the transaction that spends more: however many ask
// at once, on however many replicas, nobody ever spends more than they may.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createId, type GroupId, type OrganizationId, type UserId } from '../../../src/base/id.ts';
import type { Database, Transaction } from '../../../src/store/database.ts';
import { insertGroup, insertGroupMember } from '../../../src/store/group.ts';
import { ensureMembership } from '../../../src/reconciler/membership.ts';
import { lockQuotas, readQuotaPage, storeEnforcesQuota } from '../../../src/store/quota.ts';
import { PREBUILDS_USER_ID } from '../../../src/store/system-user.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import type { CreateWorkspace } from '../../../src/workspaces/create-workspace.ts';
import type { CreatedWorkspace, Enlisted } from '../../../src/workspaces/served.ts';
import { createTestCreator } from '../../support/creator.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { createBuilder, FAILED, type Builder } from '../../support/builder.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

/** Hundredths a day. */
const COST = 2_400;

let store: TestStore;
let make: Factory;
let builder: Builder;
let other: Database;
let create: CreateWorkspace;
/** On a database connection of its own, as another replica has. */
let createElsewhere: CreateWorkspace;
let organizationId: OrganizationId;
let organization: string;
let ann: UserId;
let made = 0;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  other = store.open();
  const deps = { ...store.kit, keyring: store.keyring };
  create = createTestCreator({ ...deps, database: store.database });
  createElsewhere = createTestCreator({ ...deps, database: other });
});
afterAll(() => store.close());

beforeEach(async () => {
  made += 1;
  organization = `quota-${made}`;
  organizationId = await make.organization(organization);
  ann = await make.user({ organizationId });
  await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
});

const allow = async (allowance: number, ...userIds: readonly UserId[]): Promise<void> => {
  const id = createId<GroupId>(store.kit);
  const name = `group-${id.slice(-12)}`;
  await insertGroup.one(store.database, {
    ...{ id, organizationId, name, displayName: name, allowance },
  });
  for (const userId of userIds) await insertGroupMember.run(store.database, { id, userId });
};

const poolOf = async (
  claim: 'instant' | 'apply',
  { hourly = 1, ready = 0 }: { hourly?: number; ready?: number } = {},
): Promise<TestPool> => {
  const cost = { hourly, currency: 'EUR' };
  const pool = await make.pool(await make.template({ organizationId, manifest: { claim, cost } }));
  await makeReady(store, make, { pool, count: ready });
  return pool;
};

let asked = 0;
const ask = (
  pool: TestPool,
  { who = ann, by = create, ...given }: Partial<WorkspaceRequest> & AskOptions = {},
): Promise<CreatedWorkspace | Enlisted> => {
  asked += 1;
  return by(
    { userId: who, isAdmin: false },
    {
      ...{ organization, template: pool.name, name: `w-${asked}`, preset: pool.presetName },
      ...{ parameters: {}, onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined },
      ...given,
    },
  );
};

interface AskOptions {
  readonly who?: UserId;
  readonly by?: CreateWorkspace;
}

const use = async (userId = ann): Promise<number> => {
  const [row] = await store.sql<{ used: number }>(
    `select coalesce(sum(b.daily_cost), 0)::integer as used
     from workspaces w
     join builds b on b.workspace_id = w.id
       and b.number = (select max(number) from builds where workspace_id = w.id)
     where w.owner_id = $1 and w.deleted_at is null`,
    [userId],
  );
  return row!.used;
};

const misses = async (): Promise<readonly string[]> => {
  const rows = await store.sql<{ reason: string }>(
    `select reason from claims where organization_id = $1 and outcome = 'miss' order by at, id`,
    [organizationId],
  );
  return rows.map(({ reason }) => reason);
};

/** The sessions that wait for a lock of another, once there are so many. */
const untilHeldUp = async (count: number): Promise<readonly number[]> => {
  const heldUp = (): Promise<readonly { readonly pid: number }[]> =>
    store.sql(
      `select pid from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
  await expect.poll(heldUp, { interval: 5 }).toHaveLength(count);
  return (await heldUp()).map(({ pid }) => pid);
};

/** A session tells the statistics what befell it when it ends, at the latest. */
const end = async (pids: readonly number[]): Promise<void> => {
  await store.sql('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [pids]);
  await expect
    .poll(() => store.sql('select from pg_stat_activity where pid = any ($1)', [pids]), {
      interval: 5,
    })
    .toEqual([]);
};

/** Runs `work` while a transaction is open that has done what `begin` does. */
const whileIn = async (
  begin: (tx: Transaction) => Promise<unknown>,
  work: () => Promise<void>,
): Promise<void> => {
  const begun = createDeferred<undefined>();
  const done = createDeferred<undefined>();
  const transaction = other.transaction(async (tx) => {
    await begin(tx);
    begun.resolve(undefined);
    await done.promise;
  });
  await Promise.race([begun.promise, transaction]);
  try {
    await work();
  } finally {
    done.resolve(undefined);
    await transaction;
  }
};

const spendingOf =
  (userId: UserId) =>
  (tx: Transaction): Promise<unknown> =>
    lockQuotas.all(tx, { organizationId, userIds: [userId] });

const deadlocks = async (): Promise<string> => {
  const [row] = await store.sql<{ deadlocks: string }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  return row!.deadlocks;
};

const EXCEEDED = { code: 'QUOTA_EXCEEDED' };

describe('a claim', () => {
  it('beyond what all groups of the claimant allow is refused, with what it would cost', async () => {
    const pool = await poolOf('instant', { ready: 3 });
    await allow(COST, ann);
    await allow(COST + 100, ann);
    expect(asCreated(await ask(pool)).claimed).toBe(true);
    expect(asCreated(await ask(pool)).claimed).toBe(true);
    await expect(ask(pool)).rejects.toMatchObject({
      ...EXCEEDED,
      detail: 'this would cost 24.00 a day, and 48.00 of the 49.00 that may be spent a day is used',
      fields: { daily_budget: 49, daily_use: 48, daily_cost: 24 },
    });
    expect(await misses()).toEqual(['quota']);
  });

  it.each(['create', 'fail', 'wait'] as const)(
    'is refused where nothing is ready, too, with on_empty %s',
    async (onEmpty) => {
      const pool = await poolOf('apply');
      await expect(ask(pool, { onEmpty })).rejects.toMatchObject(EXCEEDED);
      expect(await misses()).toEqual(['quota']);
      expect(await use()).toBe(0);
    },
  );

  it('without a preset is refused, and nothing was missed', async () => {
    await expect(ask(await poolOf('instant'), { preset: 'none' })).rejects.toMatchObject(EXCEEDED);
    expect(await misses()).toEqual([]);
  });

  it('of what is free is served, whatever is spent', async () => {
    const pool = await poolOf('instant', { hourly: 0, ready: 1 });
    expect(asCreated(await ask(pool)).claimed).toBe(true);
  });

  it('is not limited by what others spend, or by what is spent elsewhere', async () => {
    const pool = await poolOf('instant', { ready: 2 });
    const bob = await make.user({ organizationId });
    await allow(COST, ann, bob);
    await ask(pool);
    expect(asCreated(await ask(pool, { who: bob })).claimed).toBe(true);
    await expect(ask(pool)).rejects.toMatchObject(EXCEEDED);
  });

  it('with a key that stands for a workspace gives that, although there is room for no other', async () => {
    const pool = await poolOf('apply', { ready: 4 });
    await allow(COST, ann);
    const request = { name: 'mine', idempotencyKey: 'once' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        ask(pool, { ...request, by: n % 2 === 0 ? create : createElsewhere }),
      ),
    );
    expect(new Set(answers.map((answer) => asCreated(answer).workspaceId)).size).toBe(1);
  });

  it('asks for nothing while no quota is enforced, and from then on, whatever was remembered', async () => {
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: false });
    const pool = await poolOf('instant', { ready: 3 });
    await ask(pool);
    await ask(pool);
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
    await expect(ask(pool)).rejects.toMatchObject(EXCEEDED);
    await storeEnforcesQuota.run(store.database, { organizationId, enforced: false });
    expect(asCreated(await ask(pool)).claimed).toBe(true);
  });
});

describe('32 clients at the edge of an allowance, on two replicas', () => {
  it.each(['instant', 'apply'] as const)('never spend more by claims (%s)', async (claim) => {
    const pool = await poolOf(claim, { ready: 32 });
    await allow(5 * COST + 1, ann);
    expect(await askAtOnce(pool)).toEqual({ served: 5, refused: 27 });
    expect(await use()).toBe(5 * COST);
  });

  it('never spend more by building', async () => {
    const pool = await poolOf('apply');
    await allow(5 * COST, ann);
    expect(await askAtOnce(pool)).toEqual({ served: 5, refused: 27 });
    expect(await use()).toBe(5 * COST);
  });

  it('never spend more by starting, building and claiming', async () => {
    const pool = await poolOf('instant', { ready: 16 });
    await allow(16 * COST, ann);
    const stopped = await Promise.all(Array.from({ length: 12 }, () => ask(pool)));
    const ids = stopped.map((answer) => asCreated(answer).workspaceId);
    const change = (n: number, transition: 'start' | 'stop'): Promise<void> =>
      changeWorkspace(
        { ...store.kit, database: n % 2 === 0 ? store.database : other },
        { userId: ann, isAdmin: false },
        { id: ids[n]!, transition },
      );
    for (const n of ids.keys()) await change(n, 'stop');
    await builder.buildAll();
    expect(await use()).toBe(0);
    await store.sql(`update groups set quota_allowance = $2 where organization_id = $1`, [
      organizationId,
      5 * COST,
    ]);
    const results = await Promise.allSettled([
      ...ids.map((_, n) => change(n, 'start')),
      ...Array.from({ length: 20 }, (_, n) =>
        ask(pool, {
          by: n % 2 === 0 ? create : createElsewhere,
          preset: n % 4 < 2 ? pool.presetName : 'none',
        }),
      ),
    ]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject(EXCEEDED);
    }
    expect(await use()).toBe(5 * COST);
  });

  const askAtOnce = async (
    pool: TestPool,
  ): Promise<{ readonly served: number; readonly refused: number }> => {
    const results = await Promise.allSettled(
      Array.from({ length: 32 }, (_, n) =>
        ask(pool, { by: n % 2 === 0 ? create : createElsewhere }),
      ),
    );
    const refused = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    for (const reason of refused) expect(reason).toMatchObject(EXCEEDED);
    return { served: results.length - refused.length, refused: refused.length };
  };
});

describe('whose turn it is to spend', () => {
  it('is nothing that claims of others wait for', async () => {
    const pool = await poolOf('instant', { ready: 1 });
    const bob = await make.user({ organizationId });
    await allow(COST, ann, bob);
    await whileIn(spendingOf(ann), async () => {
      expect(asCreated(await ask(pool, { who: bob })).claimed).toBe(true);
    });
  });

  it.each(['instant', 'apply'] as const)(
    'is nothing that claims wait for where no quota is enforced (%s)',
    async (claim) => {
      await storeEnforcesQuota.run(store.database, { organizationId, enforced: false });
      const pool = await poolOf(claim, { ready: 1 });
      await whileIn(spendingOf(ann), async () => {
        expect(asCreated(await ask(pool)).claimed).toBe(true);
        const { workspaceId: id } = asCreated(await ask(pool, { preset: 'none' }));
        await builder.buildAll();
        for (const transition of ['stop', 'start'] as const) {
          const who = { userId: ann, isAdmin: false };
          await changeWorkspace({ ...store.kit, database: store.database }, who, {
            id,
            transition,
          });
          await builder.buildAll();
        }
      });
    },
  );
});

describe('who waits for a prebuild', () => {
  const outcomes = (): Promise<readonly unknown[]> =>
    store.sql(
      `select outcome, count(*)::int from waiters where organization_id = $1 group by 1 order by 1`,
      [organizationId],
    );

  it('is refused in its turn when the quota is spent elsewhere by then, and the next one is served', async () => {
    const pool = await poolOf('instant');
    const bob = await make.user({ organizationId });
    await allow(COST, ann, bob);
    const [mine, theirs] = [
      await ask(pool, { onEmpty: 'wait' }),
      await ask(pool, { onEmpty: 'wait', who: bob }),
    ] as [Enlisted, Enlisted];
    await ask(await poolOf('apply'));
    await makeReady(store, make, { pool, count: 1 });
    await reconcileNow(store, pool.poolId);
    expect(
      await store.sql(
        'select id, outcome, error_code from waiters where pool_id = $1 order by turn',
        [pool.poolId],
      ),
    ).toEqual([
      { id: mine.waiterId, outcome: 'refused', error_code: 'QUOTA_EXCEEDED' },
      { id: theirs.waiterId, outcome: 'served', error_code: null },
    ]);
  });

  it('is judged by what is left when those who spend for them are done', async () => {
    const pool = await poolOf('instant');
    await allow(COST, ann);
    await ask(pool, { onEmpty: 'wait' });
    await makeReady(store, make, { pool, count: 1 });
    let turn: Promise<unknown> = Promise.resolve();
    const spendAll = async (tx: Transaction): Promise<void> => {
      await spendingOf(ann)(tx);
      const text = 'update groups set quota_allowance = 0 where organization_id = $1';
      await tx.query({ name: '', text, values: [organizationId] });
    };
    await whileIn(spendAll, async () => {
      turn = reconcileNow(store, pool.poolId);
      await Promise.race([turn, untilHeldUp(1)]);
    });
    await turn;
    expect(await outcomes()).toEqual([{ outcome: 'refused', count: 1 }]);
  });

  it('in lines of opposite order is refused by both, and no turn waits for another that waits for it', async () => {
    const bob = await make.user({ organizationId });
    await allow(2 * COST, ann, bob);
    const pools = [await poolOf('instant'), await poolOf('instant')];
    for (const [n, pool] of pools.entries()) {
      for (const who of n === 0 ? [ann, bob] : [bob, ann]) {
        await ask(pool, { who, onEmpty: 'wait' });
      }
      await makeReady(store, make, { pool, count: 1 });
    }
    await store.sql('update groups set quota_allowance = 0 where organization_id = $1', [
      organizationId,
    ]);
    const before = await deadlocks();
    let turns: Promise<unknown> = Promise.resolve();
    let sessions: readonly number[] = [];
    // Who is second in each line is held until both turns have refused the first, or wait to.
    const text = `select from waiters
      where turn in (select max(turn) from waiters where organization_id = $1 group by pool_id)
      for update`;
    const holdSecond = (tx: Transaction): Promise<unknown> =>
      tx.query({ name: '', text, values: [organizationId] });
    await whileIn(holdSecond, async () => {
      turns = Promise.all(
        pools.map(({ poolId }, n) =>
          reconcileNow({ ...store, database: n === 0 ? other : store.database }, poolId),
        ),
      );
      sessions = await untilHeldUp(2);
    });
    await turns;
    expect(await outcomes()).toEqual([{ outcome: 'refused', count: 4 }]);
    await end(sessions);
    expect(await deadlocks()).toBe(before);
  });

  it('and came after those whom a turn serves is served by the next one', async () => {
    const pool = await poolOf('instant');
    const crowd = await Promise.all(
      Array.from({ length: 51 }, () => make.user({ organizationId })),
    );
    await allow(COST, ...crowd);
    for (const who of crowd) await ask(pool, { who, onEmpty: 'wait' });
    await makeReady(store, make, { pool, count: 51 });
    await reconcileNow(store, pool.poolId);
    const waiting = { outcome: null, count: 1 };
    expect(await outcomes()).toEqual([{ outcome: 'served', count: 50 }, waiting]);
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
    await reconcileNow(store, pool.poolId);
    expect(await outcomes()).toEqual([{ outcome: 'served', count: 51 }]);
  });

  it('in several lines at once is served as far as the quota goes, by turns at one time', async () => {
    const bob = await make.user({ organizationId });
    await allow(2 * COST, ann, bob);
    const pools = [await poolOf('instant'), await poolOf('instant'), await poolOf('instant')];
    for (const [n, pool] of pools.entries()) {
      for (const who of n % 2 === 0 ? [ann, bob] : [bob, ann]) {
        await ask(pool, { who, onEmpty: 'wait' });
      }
      await makeReady(store, make, { pool, count: 2 });
    }
    await Promise.all(
      pools.map(({ poolId }, n) =>
        reconcileNow({ ...store, database: n === 0 ? other : store.database }, poolId),
      ),
    );
    expect(await Promise.all([use(ann), use(bob)])).toEqual([2 * COST, 2 * COST]);
    expect(await outcomes()).toEqual([
      { outcome: 'refused', count: 2 },
      { outcome: 'served', count: 4 },
    ]);
  });
});

describe('the pools of an organization', () => {
  const fill = async (desired: number): Promise<TestPool> => {
    const cost = { hourly: 1, currency: 'EUR' };
    const template = await make.template({ organizationId, manifest: { cost } });
    return make.pool(template, { desired });
  };

  it('build nothing before they are allowed to spend, and say so', async () => {
    const pool = await fill(3);
    expect(await reconcileNow(store, pool.poolId)).toMatchObject({
      done: [],
      withheld: [{ count: 3, reason: 'quota' }],
    });
    // By which group they are allowed: there it is.
    expect(
      await store.sql('select name, quota_allowance::int from groups where organization_id = $1', [
        organizationId,
      ]),
    ).toEqual([{ name: 'prebuilt-workspaces', quota_allowance: 0 }]);
  });

  it('spend no more than their group allows, turns at one time on two replicas together', async () => {
    const pools = [await fill(6), await fill(6), await fill(6)];
    await ensureMembership(store.kit, store.database, organizationId);
    await store.sql(`update groups set quota_allowance = $2 where organization_id = $1`, [
      organizationId,
      7 * COST + 1,
    ]);
    await Promise.all(
      pools.map(({ poolId }, n) =>
        reconcileNow({ ...store, database: n === 0 ? other : store.database }, poolId),
      ),
    );
    expect(
      await store.sql(
        `select count(*)::int from workspaces where organization_id = $1 and owner_id = $2`,
        [organizationId, PREBUILDS_USER_ID],
      ),
    ).toEqual([{ count: 7 }]);
  });

  it('need what is kept after a failure or being deleted beside their size, and build with that', async () => {
    const pool = await fill(1);
    await ensureMembership(store.kit, store.database, organizationId);
    const need = async (): Promise<number> => {
      const page = { organizationId, userId: PREBUILDS_USER_ID };
      const { poolsNeed } = await readQuotaPage.one(store.database, page);
      await store.sql(`update groups set quota_allowance = $2 where organization_id = $1`, [
        organizationId,
        poolsNeed,
      ]);
      return poolsNeed;
    };
    expect(await need()).toBe(COST);
    await reconcileNow(store, pool.poolId);
    await builder.buildAll(FAILED);
    expect(await need()).toBe(2 * COST);
    await store.advanceClock(600_000);
    expect(doneOf(await reconcileNow(store, pool.poolId))).toEqual(['pool.created 1']);
    await builder.buildAll();
    await store.sql('update presets set desired_instances = 0 where id = $1', [pool.presetId]);
    await reconcileNow(store, pool.poolId);
    // What failed is kept, and what was built is being deleted.
    expect(await need()).toBe(2 * COST);
  });

  it('may spend again what somebody has claimed', async () => {
    const pool = await fill(1);
    await ensureMembership(store.kit, store.database, organizationId);
    await store.sql(`update groups set quota_allowance = $2 where organization_id = $1`, [
      organizationId,
      COST,
    ]);
    await allow(COST, ann);
    await makeReady(store, make, { pool, count: 1 });
    await reconcileNow(store, pool.poolId);
    await ask(pool);
    expect(doneOf(await reconcileNow(store, pool.poolId))).toEqual(['pool.created 1']);
  });
});

describe('the start of a workspace', () => {
  it('that its owner may not spend so much on is refused, to administrators too', async () => {
    const pool = await poolOf('instant', { ready: 2 });
    await allow(COST, ann);
    const { workspaceId: id } = asCreated(await ask(pool));
    const change = (transition: 'start' | 'stop', isAdmin = false): Promise<void> =>
      changeWorkspace(
        { ...store.kit, database: store.database },
        { userId: ann, isAdmin },
        { id, transition },
      );
    await change('stop');
    await builder.buildAll();
    await ask(pool);
    await expect(change('start')).rejects.toMatchObject(EXCEEDED);
    await expect(change('start', true)).rejects.toMatchObject(EXCEEDED);
    await allow(COST, ann);
    await change('start');
    expect(await use()).toBe(2 * COST);
  });
});
