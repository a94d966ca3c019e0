// Deleting a prebuild that nobody has claimed: for who may, under the locks of its pool, and told to the pool.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createId, type UserId, type WorkspaceId } from '../../../src/base/id.ts';
import {
  deletePrebuild,
  deleteWorkspace,
  type Deleter,
} from '../../../src/workspaces/delete-workspace.ts';
import { createBuilder, FAILED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { findUnbuiltViolations } from '../../support/pool-invariants.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let ann: UserId;
let id: WorkspaceId;
let admin: Deleter;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());

beforeEach(async () => {
  const organizationId = await make.organization();
  ann = await make.user({ organizationId });
  admin = { userId: await make.user(), isAdmin: true, username: 'root' };
  pool = await make.pool(await make.template({ organizationId }), { desired: 1 });
  [id] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
});
afterEach(async () => {
  expect(await findUnbuiltViolations(store)).toEqual([]);
});

const deps = () => ({ ...store.kit, database: store.database });
const turn = async () => doneOf(await reconcileNow(store, pool.poolId));

const builds = () =>
  store.sql(
    `select b.transition, b.reason, j.class, u.is_system as "bySystem", j.status
     from builds b
     join jobs j on j.id = b.job_id
     join users u on u.id = b.initiator_id
     where b.workspace_id = $1 and b.number > 1
     order by b.number`,
    [id],
  );
const DELETE = { transition: 'delete', reason: 'by_hand', class: 3, bySystem: true };

describe.each([
  ['as a workspace', deleteWorkspace],
  ['as a prebuild', deletePrebuild],
])('a prebuild that nobody has claimed (%s)', (_, remove) => {
  it('is deleted for who may, and replaced by its pool', async () => {
    store.announced.length = 0;
    await remove(deps(), admin, id);
    expect(await builds()).toEqual([{ ...DELETE, status: 'pending' }]);
    expect(store.announced).toContainEqual({ kind: 'pool', poolId: pool.poolId });
    expect(
      await store.sql(
        'select kind, workspace_id, reason, details from pool_events where pool_id = $1',
        [pool.poolId],
      ),
    ).toEqual([
      { kind: 'delete_started', workspace_id: id, reason: 'by_hand', details: { by: 'root' } },
    ]);
    expect(await turn()).toEqual(['pool.created 1']);
    await builder.buildAll();
    expect(
      await store.sql('select id from workspaces where id = $1 and deleted_at is null', [id]),
    ).toEqual([]);
    await expect(remove(deps(), admin, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('gets one build for sixteen who ask at once', async () => {
    await Promise.all(Array.from({ length: 16 }, () => remove(deps(), admin, id)));
    expect(await builds()).toEqual([{ ...DELETE, status: 'pending' }]);
  });

  it('is tried again where the delete failed', async () => {
    await remove(deps(), admin, id);
    await builder.buildAll(FAILED);
    await remove(deps(), admin, id);
    expect(await builds()).toMatchObject([{ status: 'failed' }, { ...DELETE, status: 'pending' }]);
  });

  it('is left to the build that is under way', async () => {
    const { workspaceId } = await make.prebuild(pool);
    await expect(remove(deps(), admin, workspaceId)).rejects.toMatchObject({
      code: 'BUILD_IN_PROGRESS',
    });
  });

  it('is deleted where its pool does not know it, as the doctor says', async () => {
    await store.sql('delete from pool_members where workspace_id = $1', [id]);
    await remove(deps(), admin, id);
    expect(await builds()).toEqual([{ ...DELETE, status: 'pending' }]);
    await builder.buildAll();
    // It would tell of a delete without an end.
    expect(await store.sql('select kind from pool_events where workspace_id = $1', [id])).toEqual(
      [],
    );
  });

  it('is not for others', async () => {
    const person: Deleter = { userId: ann, isAdmin: false, username: 'ann' };
    const code = remove === deleteWorkspace ? 'NOT_FOUND' : 'FORBIDDEN';
    await expect(remove(deps(), person, id)).rejects.toMatchObject({ code });
    expect(await builds()).toEqual([]);
  });
});

describe('a workspace that somebody has', () => {
  it('is not deleted as a prebuild, and by who may, as a workspace', async () => {
    const { workspaceId } = await make.workspace(pool, { ownerId: ann });
    await builder.buildAll();
    await expect(deletePrebuild(deps(), admin, workspaceId)).rejects.toMatchObject({
      code: 'WORKSPACE_CLAIMED',
    });
    const nowhere = createId<WorkspaceId>(store.kit);
    await expect(deletePrebuild(deps(), admin, nowhere)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await deleteWorkspace(deps(), { userId: ann, isAdmin: false, username: 'ann' }, workspaceId);
    expect(
      await store.sql(
        `select reason, initiator_id from builds where workspace_id = $1 and transition = 'delete'`,
        [workspaceId],
      ),
    ).toEqual([{ reason: 'delete', initiator_id: ann }]);
  });
});
