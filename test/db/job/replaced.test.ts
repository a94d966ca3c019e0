import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import type { Replacement } from '../../../src/domain/job/replacement.ts';
import { findWorkspaces } from '../../../src/store/workspace.ts';
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
  userId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }));
  daemon = await queue.daemon({}, { organizationId });
});

const DISK: Replacement = { address: 'x.disk["a\0b"]', action: 'replace', paths: ['user_data'] };
const HOME: Replacement = { address: 'x.home', action: 'delete', paths: [] };
const STORED = [{ ...DISK, address: 'x.disk["a\u{fffd}b"]' }, HOME];

async function claim(): Promise<WorkspaceId> {
  await make.prebuild(pool);
  await queue.complete(await queue.mustTake(daemon));
  const id = await claimOne(store.database, store.kit, { pool, userId, name: 'mine' });
  if (id === undefined) throw new Error('there is none to claim');
  return id;
}

const replacedOf = async (id: WorkspaceId): Promise<unknown> =>
  (await findWorkspaces.one(store.database, { ids: [id] })).replaced;

const counted = async (): Promise<unknown> => {
  const rows = await store.sql(
    `select preset, sum(amount)::int as amount from counter_steps
     where counter = 'resource_replacements' and template_id = $1 group by preset`,
    [pool.templateId],
  );
  return rows;
};

describe('what a claim replaces', () => {
  it('is kept with the build, counted once, and stands in the events of the pool', async () => {
    const id = await claim();
    const attempt = await queue.mustTake(daemon);
    const result = { ...SUCCEEDED, replaced: [DISK, HOME] };
    await queue.complete(attempt, result);
    await queue.complete(attempt, result);
    expect(await replacedOf(id)).toEqual(STORED);
    expect(await counted()).toEqual([{ preset: pool.presetName, amount: 1 }]);
    expect(
      await store.sql(
        `select workspace_id, reason, details from pool_events
         where pool_id = $1 and kind = 'claim_replaced'`,
        [pool.poolId],
      ),
    ).toEqual([
      { workspace_id: id, reason: '2 resources', details: { build: 2, replaced: STORED } },
    ]);
  });

  it('is kept although the build failed: it is lost all the same', async () => {
    const id = await claim();
    await queue.complete(await queue.mustTake(daemon), { ...FAILED, replaced: [HOME] });
    expect(await replacedOf(id)).toEqual([HOME]);
    expect(await counted()).toEqual([{ preset: pool.presetName, amount: 1 }]);
  });

  it('is nothing where nothing is replaced', async () => {
    const id = await claim();
    await queue.complete(await queue.mustTake(daemon));
    expect(await replacedOf(id)).toEqual([]);
    expect(await counted()).toEqual([]);
  });

  it('is believed of no other build', async () => {
    const { workspaceId } = await make.prebuild(pool);
    await queue.complete(await queue.mustTake(daemon), { ...SUCCEEDED, replaced: [HOME] });
    expect(await replacedOf(workspaceId)).toEqual([]);
    expect(await counted()).toEqual([]);
  });
});
