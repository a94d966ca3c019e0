import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createId, type UserId, type WorkspaceId } from '../../../src/base/id.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { renameWorkspace } from '../../../src/workspaces/rename-workspace.ts';
import { createTestCreator } from '../../support/creator.ts';
import type { Requester } from '../../../src/workspaces/request.ts';
import { createBuilder, FAILED, SUCCEEDED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { depsOf, openTestStore, type TestStore } from '../../support/store.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let ann: UserId;
let id: WorkspaceId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());

/** A prebuild of a pool that Ann has claimed. */
beforeEach(async () => {
  const organizationId = await make.organization();
  const [{ name: organization }] = (await store.sql<{ name: string }>(
    'select name from organizations where id = $1',
    [organizationId],
  )) as [{ name: string }];
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  await makeReady(store, make, { pool, count: 1 });
  const create = createTestCreator({
    ...store.kit,
    database: store.database,
    keyring: store.keyring,
  });
  const created = await create(
    { userId: ann, isAdmin: false },
    {
      ...{ organization, template: pool.name, name: 'demo', preset: pool.presetName },
      ...{ parameters: {}, onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined },
    },
  );
  id = asCreated(created).workspaceId;
  await builder.buildAll();
});

const change = (
  transition: 'start' | 'stop' | 'delete',
  { who = { userId: ann, isAdmin: false }, of = id }: { who?: Requester; of?: WorkspaceId } = {},
): Promise<void> =>
  changeWorkspace({ ...store.kit, database: store.database }, who, { id: of, transition });

const builds = async (): Promise<readonly string[]> => {
  const rows = await store.sql<{ transition: string; status: string }>(
    `select b.transition, j.status
     from builds b
     join jobs j on j.id = b.job_id
     where b.workspace_id = $1
     order by b.number`,
    [id],
  );
  return rows.map(({ transition, status }) => `${transition} ${status}`);
};

describe('a workspace of a person', () => {
  it('is stopped and started again, by builds that continue from one another', async () => {
    await change('stop');
    expect(await builds()).toEqual(['start succeeded', 'stop pending']);
    await builder.buildAll();
    await change('start');
    await builder.buildAll();
    expect(await builds()).toEqual(['start succeeded', 'stop succeeded', 'start succeeded']);
    expect(
      await store.sql(
        `select distinct version_id, preset_id, class, stage
         from builds b
         join jobs j on j.id = b.job_id
         where workspace_id = $1 and number > 1`,
        [id],
      ),
    ).toEqual([{ version_id: pool.versionId, preset_id: pool.presetId, class: 2, stage: 'none' }]);
  });

  it('tells daemons and whoever waits', async () => {
    store.announced.length = 0;
    await change('stop');
    expect(store.announced).toEqual([
      { kind: 'queue', organizationId: pool.organizationId, driver: 'null' },
      { kind: 'workspace', workspaceId: id },
    ]);
  });

  it('gets no second build for what it is already, or is about to be', async () => {
    await change('start');
    expect(await builds()).toEqual(['start succeeded']);
    await change('stop');
    await change('stop');
    await builder.buildAll();
    await change('stop');
    expect(await builds()).toEqual(['start succeeded', 'stop succeeded']);
  });

  it('gets one build for sixteen who ask at once', async () => {
    await Promise.all(Array.from({ length: 16 }, () => change('stop')));
    expect(await builds()).toEqual(['start succeeded', 'stop pending']);
  });

  it('may be asked again for what failed', async () => {
    await change('stop');
    await builder.buildAll(FAILED);
    await change('stop');
    await builder.buildAll();
    expect(await builds()).toEqual(['start succeeded', 'stop failed', 'stop succeeded']);
  });

  it.each(['running', 'pending'])('is not changed while another build is %s', async (status) => {
    await change('stop');
    const [stop] = status === 'running' ? await builder.take() : [];
    for (const other of ['start', 'delete'] as const) {
      await expect(change(other)).rejects.toMatchObject({ code: 'BUILD_IN_PROGRESS' });
    }
    expect(await builds()).toEqual(['start succeeded', `stop ${status}`]);
    if (stop !== undefined) await builder.finish(stop.jobId, SUCCEEDED);
  });

  it('is not begun anew while its build is being canceled', async () => {
    await change('stop');
    await builder.take();
    await store.sql(
      `update jobs set canceled_at = standby_now()
       where id = (select job_id from builds where workspace_id = $1 and number = 2)`,
      [id],
    );
    await expect(change('stop')).rejects.toMatchObject({ code: 'BUILD_IN_PROGRESS' });
  });

  it('of a deleted template can be stopped and deleted, not started', async () => {
    await change('stop');
    await builder.buildAll();
    await store.sql('update templates set deleted_at = standby_now() where id = $1', [
      pool.templateId,
    ]);
    await expect(change('start')).rejects.toMatchObject({ code: 'TEMPLATE_DELETED' });
    await change('delete');
    await builder.buildAll();
    expect(await builds()).toEqual(['start succeeded', 'stop succeeded', 'delete succeeded']);
    for (const any of ['start', 'stop', 'delete'] as const) {
      await expect(change(any)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  it.each([
    ['suspended', `update users set status = 'suspended' where id = $1`],
    ['no member any more', 'delete from memberships where user_id = $1'],
  ])('of who is %s can be stopped and deleted, and is started for nobody', async (_, end) => {
    await store.sql(end, [ann]);
    await change('stop');
    await builder.buildAll();
    for (const isAdmin of [false, true]) {
      await expect(change('start', { who: { userId: ann, isAdmin } })).rejects.toMatchObject({
        code: 'FORBIDDEN',
        detail: `the owner of workspace ${id} is suspended, or not a member of its organization any more`,
      });
    }
    await change('delete');
    await builder.buildAll();
    expect(await builds()).toEqual(['start succeeded', 'stop succeeded', 'delete succeeded']);
  });

  it('of an administrator is started without a membership', async () => {
    await store.sql(`update users set site_roles = '{admin}' where id = $1`, [ann]);
    await store.sql('delete from memberships where user_id = $1', [ann]);
    await change('stop');
    await builder.buildAll();
    await change('start');
    expect(await builds()).toEqual(['start succeeded', 'stop succeeded', 'start pending']);
    await builder.buildAll();
  });

  it('is the business of its owner and of administrators alone', async () => {
    const bob = await make.user({ organizationId: pool.organizationId });
    const who = { userId: bob, isAdmin: false };
    await expect(change('stop', { who })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const nowhere = createId<WorkspaceId>(store.kit);
    await expect(change('stop', { of: nowhere })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await change('stop', { who: { userId: bob, isAdmin: true } });
    expect(await builds()).toEqual(['start succeeded', 'stop pending']);
  });
});

describe('a prebuild that nobody has claimed', () => {
  it.each(['start', 'stop', 'delete'] as const)('refuses to %s', async (transition) => {
    const [unclaimed] = await makeReady(store, make, { pool, count: 1 });
    const who = { userId: ann, isAdmin: true };
    await expect(change(transition, { who, of: unclaimed! })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });
});

describe('a new name', () => {
  const rename = (name: string, who: Requester = { userId: ann, isAdmin: false }): Promise<void> =>
    renameWorkspace(depsOf(store), who, { id, name });
  const name = async (): Promise<unknown> =>
    (await store.sql('select name from workspaces where id = $1', [id]))[0];

  it('is what the workspace is called from then on, and the former one is free', async () => {
    await rename('review');
    expect(await name()).toEqual({ name: 'review' });
    expect(store.announced).toContainEqual({ kind: 'workspace', workspaceId: id });
    await rename('demo');
    expect(await name()).toEqual({ name: 'demo' });
  });

  it('is refused where the owner has it, waits with it, or nobody may have it', async () => {
    const { organizationId, poolId, templateId } = pool;
    const { workspaceId } = await make.workspace(pool, { ownerId: ann });
    await store.sql(`update workspaces set name = 'other' where id = $1`, [workspaceId]);
    await expect(rename('other')).rejects.toThrow('NAME_TAKEN');
    await store.sql(
      `insert into waiters
         (id, organization_id, template_id, pool_id, user_id, name, priority, parameters,
          miss_reason, created_at, deadline_at)
       values ($1, $2, $3, $4, $5, 'kept', 0, '{}', 'empty', standby_now(),
         standby_now() + interval '1 minute')`,
      [createId(store.kit), organizationId, templateId, poolId, ann],
    );
    await expect(rename('kept')).rejects.toThrow('NAME_TAKEN');
    await expect(rename('prebuild-x')).rejects.toThrow('NAME_INVALID');
    expect(await name()).toEqual({ name: 'demo' });
    // Whoever waits past the deadline keeps nothing.
    await store.advanceClock(61_000);
    await rename('kept');
    expect(await name()).toEqual({ name: 'kept' });
  });

  it('is for its owner and administrators, and not for what is the pool’s', async () => {
    const bob = await make.user({ organizationId: pool.organizationId });
    await expect(rename('mine', { userId: bob, isAdmin: false })).rejects.toThrow('NOT_FOUND');
    await rename('theirs', { userId: bob, isAdmin: true });
    const [prebuild] = await makeReady(store, make, { pool, count: 1 });
    const admin = { userId: bob, isAdmin: true };
    await expect(
      renameWorkspace(depsOf(store), admin, { id: prebuild!, name: 'mine' }),
    ).rejects.toThrow('WORKSPACE_UNCLAIMED');
  });
});
