// A database that was put back from a backup: what it takes for prebuilds may be somebody's by now.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBootstrapTokens } from '../../../src/base/bootstrap-token.ts';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import { AppError } from '../../../src/base/app-error.ts';
import { createAgentAuthentication } from '../../../src/api/agent/handlers.ts';
import { createRestoreWatch } from '../../../src/jobs/restore-watch.ts';
import { migrateSchema } from '../../../src/main/server/open-database.ts';
import type { Database } from '../../../src/store/database.ts';
import { distrustIfMoved, distrustPrebuilds } from '../../../src/store/restored.ts';
import { serveHeartbeat } from '../../../src/workspaces/agent/heartbeat.ts';
import { openSession } from '../../support/agent-session.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let pool: TestPool;
let ann: UserId;
let withAgent: WorkspaceId;
let without: WorkspaceId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  // The first look has nothing to compare with.
  expect(await distrustIfMoved(store.database)).toBeUndefined();
});
afterAll(() => store.close());

beforeEach(async () => {
  await store.sql('delete from pool_members');
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }), {
    desired: 2,
  });
  const made = await makeReady(store, make, { pool, count: 2 });
  [withAgent, without] = made as [WorkspaceId, WorkspaceId];
  await make.agent(withAgent, { name: 'main', kind: 'program' });
  await make.agent(without, { name: 'ready', kind: 'check' });
  await store.sql(`update agents set lifecycle = 'ready', last_seen_at = standby_now()`);
});

const move = () =>
  store.sql(`update settings set value = '"elsewhere"' where name = 'database_place'`);
const claim = () => claimOne(store.database, store.kit, { pool, userId: ann, name: 'demo' });

async function speak(knownEpoch: number): Promise<void> {
  const { session } = await openSession(store.kit, store.database, {
    workspaceId: withAgent,
    name: 'main',
  });
  const bootstrapTokens = createBootstrapTokens(Buffer.alloc(32));
  const caller = await createAgentAuthentication({
    ...queue.deps.agents,
    bootstrapTokens,
  }).authenticateAgent(session);
  await serveHeartbeat(queue.deps, caller!, {
    ...{ lifecycle: 'ready', appliedEpoch: 0, knownEpoch, waitMs: 0, pollMs: 5 },
    signal: new AbortController().signal,
  });
}

describe('the prebuilds of a database that is where it was', () => {
  it('are trusted', async () => {
    expect(await distrustIfMoved(store.database)).toBeUndefined();
    expect(await claim()).toBe(withAgent);
    // The cluster, its timeline, the database.
    const [row] = await store.sql(`select value from settings where name = 'database_place'`);
    expect(row).toEqual({ value: expect.stringMatching(/^\d+\/[\dA-F]{8}\/\d+$/) });
  });
});

describe('a database that does not say where it is', () => {
  const failing = (error: Error, asked: string[] = []): Database => ({
    ...store.database,
    query: (query) => {
      if (query.name !== 'restored.is_elsewhere') return store.database.query(query);
      asked.push(query.name);
      return Promise.reject(error);
    },
  });

  it('is asked once, and not at every look', async () => {
    const asked: string[] = [];
    const database = failing(new Error('permission denied for pg_control_system'), asked);
    const look = createRestoreWatch({ ...store.kit, database });
    for (let n = 0; n < 3; n++) await look();
    expect(asked).toHaveLength(1);
  });

  it('is served all the same, unless it is only away', async () => {
    await migrateSchema(store.kit, failing(new Error('permission denied for pg_control_system')));
    const away = new AppError('DATABASE_UNAVAILABLE', 'it is away');
    await expect(migrateSchema(store.kit, failing(away))).rejects.toBe(away);
    expect(await claim()).toBe(withAgent);
  });
});

describe('the prebuilds of a database that was put back', () => {
  it('are handed to nobody, whoever of several programs finds out', async () => {
    await move();
    const found = await Promise.all(
      [store.database, store.open(), store.open()].map((database) => distrustIfMoved(database)),
    );
    expect(found.filter((one) => one !== undefined)).toEqual([{ asked: 1, replaced: 1 }]);
    expect(await claim()).toBeUndefined();
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
  });

  it('are handed out again when their agents know of no owner', async () => {
    await distrustPrebuilds(store.database);
    await speak(0);
    expect(await claim()).toBe(withAgent);
    expect(await claim()).toBeUndefined();
  });

  it('are not when their agents have served one', async () => {
    await distrustPrebuilds(store.database);
    await speak(1);
    expect(await claim()).toBeUndefined();
  });

  it('are replaced where no agent can say so, which is no failure of the template', async () => {
    await distrustPrebuilds(store.database);
    const done = doneOf(await reconcileNow(store, pool.poolId));
    expect(done).toEqual(['pool.deleting 1 unhealthy', 'pool.created 1']);
    expect(
      await store.sql(`select workspace_id from pool_members where transition = 'delete'`),
    ).toEqual([{ workspace_id: without }]);
  });

  it('that are still being built are not trusted either', async () => {
    await make.prebuild(pool);
    await distrustPrebuilds(store.database);
    const rows = await store.sql(
      `select broken, ready from pool_members where running_since is null`,
    );
    expect(rows).toEqual([{ broken: 'restored', ready: false }]);
  });
});
