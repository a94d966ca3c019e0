// What the end of a build asks of the database: everything is built, and ended, one by one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  countStatements,
  type Counted,
  type CountedDatabase,
} from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createQueue, type TestDaemon, type TestQueue } from '../../support/queue.ts';
import { reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let pool: TestPool;
let daemon: TestDaemon;
let database: CountedDatabase;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  database = countStatements(store.database);
  queue = createQueue({ ...store, database }, make);
  const organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }), { desired: 1 });
  daemon = await queue.daemon({}, { organizationId });
});
afterAll(() => store.close());

/** Of the next job, which succeeds. */
async function costOfEnd(): Promise<Counted> {
  const attempt = await queue.mustTake(daemon);
  database.take();
  await queue.complete(attempt);
  return database.take();
}

const LOCKED = ['job.finish_lone', 'workspace.lock_built', 'job.lock'];

describe('the end of a prebuild’s', () => {
  it('first build takes two locks and a statement for each thing that it changes', async () => {
    await reconcileNow(store, pool.poolId);
    expect(await costOfEnd()).toMatchObject({
      transactions: 1,
      statements: [
        ...LOCKED,
        ...['build.finish', 'judged_build.record', 'pool_member.finish_build', 'pool_event.insert'],
      ],
    });
    expect(await store.sql('select from pool_members where ready')).toHaveLength(1);
  });

  it('delete clears it away by two statements', async () => {
    await store.sql('update presets set desired_instances = 0');
    await reconcileNow(store, pool.poolId);
    expect(await costOfEnd()).toMatchObject({
      transactions: 1,
      statements: [
        ...LOCKED,
        ...['build.finish', 'state_lock.hold', 'workspace.clear_deleted'],
        ...['pool_member.remove', 'pool_event.insert'],
      ],
    });
    expect(await store.sql('select from workspaces where deleted_at is null')).toEqual([]);
  });
});
