// Many claims of one control plane at once, which takes for all of them together.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import type { OrganizationId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { recordIdempotencyKey } from '../../../src/store/idempotency-key.ts';
import type { CreateWorkspace } from '../../../src/workspaces/create-workspace.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import { createTestCreator } from '../../support/creator.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createDeferred } from '../../support/deferred.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';

const ORGANIZATION = 'crowd';
const CROWD = 16;

let store: TestStore;
let make: Factory;
let organizationId: OrganizationId;
let ann: UserId;
let database: CountedDatabase;
let createWorkspace: CreateWorkspace;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  organizationId = await make.organization(ORGANIZATION);
});
afterAll(() => store.close());

beforeEach(async () => {
  ann = await make.user({ organizationId });
  database = countStatements(store.database);
  createWorkspace = createTestCreator({ ...store.kit, database, keyring: store.keyring });
});

/** With one more that is claimed, so that what the names stand for is known. */
async function fill(count: number): Promise<{
  readonly pool: TestPool;
  readonly ready: readonly WorkspaceId[];
}> {
  const pool = await make.pool(
    await make.template({ organizationId, manifest: { claim: 'instant' } }),
  );
  const [, ...ready] = await makeReady(store, make, { pool, count: count + 1 });
  await ask(pool, { name: `first-of-${pool.name}` });
  database.take();
  return { pool, ready };
}

interface Asked {
  readonly name: string;
  readonly idempotencyKey?: string;
  readonly userId?: UserId;
}

function ask(
  pool: TestPool,
  { name, idempotencyKey, userId = ann }: Asked,
): Promise<CreatedWorkspace> {
  return createWorkspace(
    { userId, isAdmin: false },
    {
      organization: ORGANIZATION,
      template: pool.name,
      name,
      preset: pool.presetName,
      parameters: {},
      onEmpty: 'create',
      ...NO_WAITING,
      idempotencyKey,
    },
  ).then(asCreated);
}

const names = Array.from({ length: CROWD }, (_, n) => `w-${n}`);

describe('a crowd', () => {
  it('is served by fewer statements than it has claims, and each gets another one', async () => {
    const { pool, ready } = await fill(CROWD);
    const served = await Promise.all(names.map((name) => ask(pool, { name })));
    expect(served.map(({ workspaceId }) => workspaceId).sort()).toEqual([...ready].sort());
    const { statements } = database.take();
    expect(new Set(statements)).toEqual(new Set(['claim.take_oldest']));
    expect(statements.length).toBeLessThan(CROWD / 2);
    const owned = await store.sql<{ name: string; epoch: number; claims: unknown }>(
      `select w.name, w.epoch, count(c.id) as claims
       from workspaces w
       join claims c on c.workspace_id = w.id and c.user_id = w.owner_id and c.outcome = 'hit'
       where w.id = any ($1::uuid[])
       group by w.id`,
      [ready],
    );
    expect(owned.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(owned.every(({ epoch, claims }) => epoch === 1 && Number(claims) === 1)).toBe(true);
  });

  it('gets the oldest ones where there are more', async () => {
    const { pool, ready } = await fill(CROWD + 5);
    const served = await Promise.all(names.map((name) => ask(pool, { name })));
    const taken = new Set(served.map(({ workspaceId }) => workspaceId));
    expect(taken).toEqual(new Set(ready.slice(0, CROWD)));
  });

  it('gets what there is, and ordinary workspaces for the rest', async () => {
    const { pool, ready } = await fill(5);
    const served = await Promise.all(names.map((name) => ask(pool, { name })));
    const hits = served.filter(({ claimed }) => claimed).map(({ workspaceId }) => workspaceId);
    expect(hits.sort()).toEqual([...ready].sort());
    expect(served.filter(({ reason }) => reason === 'empty')).toHaveLength(CROWD - 5);
  });

  it('of two pools gets from its own each', async () => {
    const one = await fill(CROWD);
    const other = await fill(CROWD);
    const served = await Promise.all(
      names.map((name, n) => ask(n % 2 === 0 ? one.pool : other.pool, { name })),
    );
    // All of them by what was picked together.
    expect(new Set(database.take().statements)).toEqual(new Set(['claim.take_oldest']));
    const isOf = (ready: readonly WorkspaceId[], at: number): boolean =>
      ready.includes(served[at]!.workspaceId);
    expect(names.every((_, n) => isOf(n % 2 === 0 ? one.ready : other.ready, n))).toBe(true);
  });

  it('is not kept from its own by one whose name is taken, or whose key was used', async () => {
    const { pool, ready } = await fill(CROWD);
    await ask(pool, { name: 'mine', idempotencyKey: 'used' });
    const served = await Promise.allSettled([
      ask(pool, { name: 'mine' }),
      ask(pool, { name: 'other', idempotencyKey: 'used' }),
      ask(pool, { name: 'mine', idempotencyKey: 'used' }),
      ...names.slice(1).map((name) => ask(pool, { name })),
    ]);
    const codes = served.map((one) => (one.status === 'fulfilled' ? 'served' : codeOf(one.reason)));
    expect(codes).toEqual(['NAME_TAKEN', 'IDEMPOTENCY_KEY_REUSED', ...names.map(() => 'served')]);
    const got = served.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(new Set(got.map(({ workspaceId }) => workspaceId))).toEqual(new Set(ready));
  });

  it('does not wait for what holds up one of it', async () => {
    const { pool, ready } = await fill(3);
    const bob = await make.user({ organizationId });
    const holder = store.open();
    const recorded = createDeferred<undefined>();
    const held = createDeferred<undefined>();
    const holding = holder.transaction(async (tx) => {
      await recordIdempotencyKey.run(tx, {
        ...{ userId: ann, key: 'k', bodyHash: Buffer.alloc(32), workspaceId: ready[2]! },
      });
      recorded.resolve(undefined);
      await held.promise;
      throw new Error('undone');
    });
    await recorded.promise;
    const waiting = ask(pool, { name: 'held-up', idempotencyKey: 'k' });
    const [his, another] = await Promise.all([
      ask(pool, { name: 'his', userId: bob }),
      ask(pool, { name: 'another', userId: bob }),
    ]);
    expect([his.claimed, another.claimed]).toEqual([true, true]);
    held.resolve(undefined);
    await expect(holding).rejects.toThrow('undone');
    expect((await waiting).claimed).toBe(true);
  });

  it('is told that the database is gone, not that its names are taken, when an answer is lost', async () => {
    const { pool } = await fill(CROWD);
    const query = database.query.bind(database);
    const lossy: Database = {
      ...database,
      query: async (asked) => {
        const answer = await query(asked);
        if (asked.name !== 'claim.take_oldest') return answer;
        throw new AppError('DATABASE_UNAVAILABLE', 'the answer was lost');
      },
    };
    createWorkspace = createTestCreator({
      ...store.kit,
      database: lossy,
      keyring: store.keyring,
    });
    const served = await Promise.allSettled(names.map((name) => ask(pool, { name })));
    const codes = served.map((one) => (one.status === 'rejected' ? codeOf(one.reason) : 'served'));
    expect(new Set(codes)).toEqual(new Set(['DATABASE_UNAVAILABLE']));
  });
});

function codeOf(error: unknown): string {
  return (error as AppError).code;
}
