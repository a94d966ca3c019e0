// Many who claim, build and delete at the same time at what they may spend, on two replicas: they never spend more,
// and what a delete has freed is there for the next one at once.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import { createId, type GroupId, type UserId, type WorkspaceId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { insertGroup, insertGroupMember } from '../../../src/store/group.ts';
import { storeEnforcesQuota } from '../../../src/store/quota.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import type { CreateWorkspace } from '../../../src/workspaces/create-workspace.ts';
import { createBuilder } from '../../support/builder.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createTestCreator } from '../../support/creator.ts';
import { createFactory, type TestPool } from '../../support/factory.ts';
import { findViolations } from '../../support/pool-invariants.ts';
import { reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const ORGANIZATION = 'churn';
const CLIENTS = 32;
const ROUNDS = 4;
/** So many workspaces may be there at one time. */
const ROOM = 5;
/** Hundredths a day. */
const COST = 2_400;

let store: TestStore;
let replicas: readonly { readonly database: Database; readonly create: CreateWorkspace }[];
let ann: UserId;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  const deps = { ...store.kit, keyring: store.keyring };
  replicas = [store.database, store.open()].map((database) => ({
    database,
    create: createTestCreator({ ...deps, database }),
  }));
  const organizationId = await make.organization(ORGANIZATION);
  ann = await make.user({ organizationId });
  const cost = { hourly: 1, currency: 'EUR' };
  pool = await make.pool(
    await make.template({ organizationId, manifest: { claim: 'instant', cost } }),
    { desired: CLIENTS },
  );
  await reconcileNow(store, pool.poolId);
  await createBuilder(store).buildAll();
  await storeEnforcesQuota.run(store.database, { organizationId, enforced: true });
  const id = createId<GroupId>(store.kit);
  await insertGroup.one(store.database, {
    ...{ id, organizationId, name: 'ci', displayName: 'ci', allowance: ROOM * COST },
  });
  await insertGroupMember.run(store.database, { id, userId: ann });
});
afterAll(() => store.close());

/** What comes before what: each happening in this process has a number. */
let happenings = 0;
const now = (): number => (happenings += 1);

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Undefined: it would be more than may be spent. Every other one does without the pool. */
async function ask(client: number, name: string): Promise<WorkspaceId | undefined> {
  const { create } = replicas[client % replicas.length]!;
  const request = {
    ...{ organization: ORGANIZATION, template: pool.name, name, parameters: {} },
    ...{ preset: client % 4 < 2 ? pool.presetName : 'none', onEmpty: 'create' as const },
    ...{ ...NO_WAITING, idempotencyKey: undefined },
  };
  try {
    return asCreated(await create({ userId: ann, isAdmin: false }, request)).workspaceId;
  } catch (error) {
    if (error instanceof AppError && error.code === 'QUOTA_EXCEEDED') return undefined;
    throw error;
  }
}

/** Resolves once it is gone. */
async function remove(client: number, id: WorkspaceId): Promise<void> {
  const deps = { ...store.kit, database: replicas[client % replicas.length]!.database };
  const builder = createBuilder(store);
  for (;;) {
    const [workspace] = await store.sql<{ isGone: boolean; isBuilding: boolean }>(
      `select w.deleted_at is not null as "isGone", exists (
         select from builds b join jobs j on j.id = b.job_id
         where b.workspace_id = w.id and j.completed_at is null) as "isBuilding"
       from workspaces w where w.id = $1`,
      [id],
    );
    if (workspace!.isGone) return;
    if (workspace!.isBuilding) await builder.buildAll();
    else await changeWorkspace(deps, { userId: ann, isAdmin: false }, { id, transition: 'delete' });
  }
}

it(`${CLIENTS} clients that claim, build and delete at once never spend more, and all they may`, async () => {
  const spent: Span[] = [];
  const refused: Span[] = [];
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (let round = 0; round < ROUNDS; round++) {
        const from = now();
        const id = await ask(client, `w-${client}-${round}`);
        if (id !== undefined) await remove(client, id);
        (id === undefined ? refused : spent).push({ from, to: now() });
      }
    }),
  );
  expect(spent.length + refused.length).toBe(CLIENTS * ROUNDS);
  expect(await mostAtOneTime()).toBeLessThanOrEqual(ROOM);
  // Nobody was refused who asked while there was room, whatever others had just freed.
  const isFull = (at: number): boolean =>
    spent.filter(({ from, to }) => from <= at && at <= to).length >= ROOM;
  for (const refusal of refused) {
    const moments = [refusal.from, ...spent.map(({ from }) => from)];
    expect(moments.some((at) => at >= refusal.from && at <= refusal.to && isFull(at))).toBe(true);
  }

  const again = await Promise.all(
    Array.from({ length: CLIENTS }, (_, client) => ask(client, `again-${client}`)),
  );
  expect(again.filter((id) => id !== undefined)).toHaveLength(ROOM);
  expect(await mostAtOneTime()).toBe(ROOM);
  expect(await findViolations(store)).toEqual([]);
});

/**
 * By what was stored: whoever spends more begins under a lock that they get after the end of the one before, and
 * sees only deletes that have ended, so that instants of the database tell.
 */
async function mostAtOneTime(): Promise<number> {
  const [row] = await store.sql<{ most: number }>(
    `with steps as (
       select coalesce(c.at, w.created_at) as at, 1 as step
       from workspaces w
       left join claims c on c.workspace_id = w.id and c.outcome = 'hit'
       where w.owner_id = $1
       union all
       select deleted_at, -1 from workspaces where owner_id = $1 and deleted_at is not null
     ), sums as (
       select sum(step) over (order by at, step) as living from steps
     )
     select max(living)::integer as most from sums`,
    [ann],
  );
  return row!.most;
}
