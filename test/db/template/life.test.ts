// What becomes of a template and its pools: promoted, deprecated, deleted, invalidated.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTemplateHandlers } from '../../../src/api/template/handlers.ts';
import { createId, type PoolId, type TemplateId } from '../../../src/base/id.ts';
import { ensureLockedTemplate } from '../../../src/store/template.ts';
import { createTestCreator } from '../../support/creator.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { holdTurn, somebodyWaits } from '../../support/held-turn.ts';
import { ADMIN, asCaller, openPoolApi } from '../../support/pool-api.ts';
import { countLive, doneOf, reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { readWorld } from '../../support/world.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';

let store: TestStore;
let make: Factory;
let builder: Builder;
let organization: string;
/** Of one preset of the template's first version, active at first. */
let pool: TestPool;
/** Of another preset of that version. */
let other: TestPool;
let replicas: readonly Pick<TestStore, 'kit' | 'database'>[];

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  replicas = [store, { kit: store.kit, database: store.open() }];
});
afterAll(() => store.close());
beforeEach(async () => {
  organization = `org-${Buffer.from(store.kit.rng.bytes(4)).toString('hex')}`;
  const template = await make.template({ organizationId: await make.organization(organization) });
  pool = await make.pool(template, { name: 'a', desired: 2 });
  other = await make.pool(template, { name: 'b', desired: 1 });
});

const reconcile = (of = pool, replica = replicas[0]!) => reconcileNow(replica, of.poolId);
const live = (of = pool) => countLive(store, of.poolId);
const fill = async (): Promise<void> => {
  await reconcile(pool);
  await reconcile(other);
  await builder.buildAll();
};

/** Ids are random. */
const TWO = expect.objectContaining({ length: 2 }) as unknown;

interface Asked {
  readonly dryRun?: boolean;
  readonly caller?: typeof ADMIN;
}

const request = ({ dryRun = false, caller = ADMIN }: Asked) => ({
  caller,
  params: { organization, template: pool.name },
  query: { dry_run: dryRun ? ('true' as const) : ('false' as const) },
  signal: new AbortController().signal,
});
const handlers = () => createTemplateHandlers(store, RECONCILER_OPTIONS);
const deprecate = async (message: string, asked: Asked = {}) =>
  (await handlers().deprecateTemplate({ ...request(asked), body: { message } })).body;
const remove = async (asked: Asked = {}) => (await handlers().deleteTemplate(request(asked))).body;
const invalidate = async (asked: Asked = {}) =>
  (await handlers().invalidateTemplate(request(asked))).body;
const promote = async (version: string, asked: Asked = {}) => {
  const { params, ...rest } = request(asked);
  return (await handlers().promoteVersion({ ...rest, params: { ...params, version } })).body;
};

/** An imported version that is not active, and asks for the pools named. */
async function nextVersion(...presets: readonly string[]): Promise<void> {
  const [{ active }] = (await store.sql<{ active: string }>(
    'select active_version_id as active from templates where id = $1',
    [pool.templateId],
  )) as [{ active: string }];
  const { versionId } = await make.version(pool, { active: true });
  await store.sql('update templates set active_version_id = $2 where id = $1', [
    pool.templateId,
    active,
  ]);
  for (const name of presets) await make.pool({ ...pool, versionId }, { name, desired: 2 });
}

const noticedPools = (): readonly PoolId[] =>
  store.announced.flatMap((notice) => (notice.kind === 'pool' ? [notice.poolId] : []));
const lastEvents = (poolIds: readonly PoolId[]) =>
  store.sql(
    `select distinct on (pool_id) kind, reason, details ->> 'by' as by
     from pool_events where pool_id = any ($1) order by pool_id, at desc, id desc`,
    [poolIds],
  );
const create = (
  name: string,
  userId: Awaited<ReturnType<Factory['user']>>,
  onEmpty: 'create' | 'fail' = 'create',
) =>
  createTestCreator({ ...store.kit, database: store.database, keyring: store.keyring })(
    { userId, isAdmin: false },
    {
      ...{ organization, template: pool.name, name, preset: 'a', parameters: {} },
      ...{ onEmpty, idempotencyKey: undefined, ...NO_WAITING },
    },
  ).then(asCreated);

describe('a promotion', () => {
  it('drains and fills exactly the pools of the two versions, and is told in each', async () => {
    const bystander = await make.pool(await make.template({ organizationId: pool.organizationId }));
    await fill();
    await nextVersion('a', 'c');
    store.announced.length = 0;
    const { template, pools } = await promote('v2');
    expect(template.active_version).toBe('v2');
    expect(pools.map(({ preset }) => preset)).toEqual(['a', 'b', 'c']);
    expect(pools[0]!.plan.presets.map(({ version, actions }) => [version, actions])).toEqual([
      ['v1', [{ type: 'delete', reason: 'inactive', ids: TWO }]],
      ['v2', [{ type: 'create', count: 2 }]],
    ]);
    const poolIds = pools.map(({ id }) => id as PoolId);
    expect([...noticedPools()].sort()).toEqual([...poolIds].sort());
    expect(noticedPools()).not.toContain(bystander.poolId);
    const event = { kind: 'promoted', reason: 'version v2 is the active one', by: 'operator' };
    expect(await lastEvents(poolIds)).toEqual([event, event, event]);
    await reconcile(pool);
    await reconcile(other);
    expect(await live(pool)).toEqual({ 'delete pending': 2, 'start pending': 2 });
    expect(await live(other)).toEqual({ 'delete pending': 1 });
  });

  it('says beforehand what it would do, and changes nothing', async () => {
    await fill();
    await nextVersion('a');
    store.announced.length = 0;
    const before = await readWorld(store.connection);
    expect((await promote('v2', { dryRun: true })).template.active_version).toBe('v2');
    expect(await readWorld(store.connection)).toEqual(before);
    expect(store.announced).toEqual([]);
  });

  it('of the active version lets parameters be tried once more', async () => {
    await store.sql(`update presets set parameters = '{"size": "xl"}' where id = $1`, [
      pool.presetId,
    ]);
    await reconcile();
    const api = await openPoolApi(store, pool);
    const failing = { withheld: { count: 2, reason: 'validation_failed' } };
    expect(await api.plan()).toMatchObject(failing);
    await reconcile();
    // The plan knows that they still do not fit; the turn stores it again.
    expect(await promote('v1')).toMatchObject({ pools: [failing, {}] });
    expect(doneOf(await reconcile())[0]).toMatch(/^preset.validation_failed/);
    await store.sql(`update presets set parameters = '{}' where id = $1`, [pool.presetId]);
    expect(doneOf(await reconcile())).toEqual([]);
    await promote('v1');
    expect(doneOf(await reconcile())).toEqual(['pool.created 2']);
  });

  it('waits for a turn that is under way; no prebuild of the former version follows', async () => {
    await nextVersion('b');
    const held = await holdTurn(() => reconcile(pool));
    const promoting = promote('v2');
    await somebodyWaits(store);
    expect(doneOf(await held.release())).toEqual(['pool.created 2']);
    await promoting;
    await Promise.all(replicas.map((replica) => reconcile(pool, replica)));
    expect(await live(pool)).toEqual({});
  });

  it('and turns on two replicas leave nothing of the former version, in 10 rounds', async () => {
    await nextVersion('a', 'b');
    for (let round = 0; round < 10; round++) {
      const version = round % 2 === 0 ? 'v2' : 'v1';
      const turns = replicas.map(async (replica) => {
        for (let turn = 0; turn < 6; turn++) {
          await reconcile(pool, replica);
          await reconcile(other, replica);
        }
      });
      await promote(version);
      const former = () =>
        store.sql<{ number: number }>(
          `select b.id from builds b
           join template_versions v on v.id = b.version_id
           where v.template_id = $1 and v.name <> $2 and b.transition = 'start' order by b.id`,
          [pool.templateId, version],
        );
      const answered = await former();
      await Promise.all(turns);
      expect(await former()).toEqual(answered);
    }
  });
});

describe('a deprecated template', () => {
  it('drains, and nobody can create from it, until that is undone', async () => {
    await fill();
    const userId = await make.user({ organizationId: pool.organizationId });
    await create('mine', userId);
    store.announced.length = 0;
    const { template, pools, workspaces } = await deprecate('use another');
    expect({ deprecated: template.deprecated, workspaces }).toEqual({
      deprecated: 'use another',
      workspaces: 1,
    });
    expect(pools).toMatchObject([
      { preset: 'a', state: { desired_source: 'inactive' } },
      { preset: 'b', plan: { presets: [{ actions: [{ type: 'delete', reason: 'inactive' }] }] } },
    ]);
    expect([...noticedPools()].sort()).toEqual([pool.poolId, other.poolId].sort());
    const event = { kind: 'deprecated', reason: 'use another', by: 'operator' };
    expect(await lastEvents([pool.poolId, other.poolId])).toEqual([event, event]);
    await expect(create('late', userId)).rejects.toMatchObject({ code: 'TEMPLATE_DEPRECATED' });
    await reconcile(pool);
    await reconcile(other);
    expect(await live(pool)).toEqual({ 'delete pending': 1 });

    expect((await deprecate('')).template.deprecated).toBe('');
    expect((await lastEvents([pool.poolId]))[0]).toMatchObject({ kind: 'undeprecated' });
    expect(doneOf(await reconcile(pool))).toEqual(['pool.created 2']);
  });

  it('is told once, and with another message again', async () => {
    await deprecate('one');
    await deprecate('one');
    await deprecate('two');
    const { length } = await store.sql(
      `select from pool_events where pool_id = $1 and kind = 'deprecated'`,
      [pool.poolId],
    );
    expect(length).toBe(2);
  });

  it('is nobody’s to undo but an administrator’s', async () => {
    const caller = asCaller(await make.user({ organizationId: pool.organizationId }));
    for (const change of [
      () => deprecate('', { caller }),
      () => remove({ caller, dryRun: true }),
      () => invalidate({ caller }),
      () => promote('v1', { caller }),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
  });
});

describe('a request that was judged before its template changed', () => {
  /** The request waits for the change, which is made and not committed, and goes on after it. */
  const createDuring = async (change: string, onEmpty: 'create' | 'fail' = 'create') => {
    const userId = await make.user({ organizationId: pool.organizationId });
    const changing = await store.database.connect();
    await changing.query('begin');
    await changing.query(change, [pool.templateId]);
    const creating = create('mine', userId, onEmpty);
    const settled = Promise.allSettled([creating]);
    await somebodyWaits(store);
    await changing.query('commit');
    await changing.end();
    await settled;
    return creating;
  };
  const workspacesOfPeople = () =>
    store.sql<{ version: string }>(
      `select v.name as version
       from workspaces w
       join builds b on b.workspace_id = w.id
       join template_versions v on v.id = b.version_id
       where w.template_id = $1 and w.origin = 'user'`,
      [pool.templateId],
    );

  it.each(['create', 'fail'] as const)(
    'is refused by a deprecation (on_empty: %s)',
    async (how) => {
      const change = `update templates set deprecated = 'use another' where id = $1`;
      await expect(createDuring(change, how)).rejects.toMatchObject({
        code: 'TEMPLATE_DEPRECATED',
      });
      expect(await workspacesOfPeople()).toEqual([]);
    },
  );

  it('is refused by a deletion', async () => {
    const change = 'update templates set deleted_at = standby_now() where id = $1';
    await expect(createDuring(change)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await workspacesOfPeople()).toEqual([]);
  });

  it('gets a workspace of the version that is the active one by then', async () => {
    await nextVersion('a');
    await createDuring(
      `update templates set active_version_id = (
         select id from template_versions where template_id = $1 and name = 'v2')
       where id = $1`,
    );
    expect(await workspacesOfPeople()).toEqual([{ version: 'v2' }]);
  });
});

describe('a deleted template', () => {
  it('drains, is not found any more, and leaves workspaces of people to be deleted', async () => {
    await fill();
    const userId = await make.user({ organizationId: pool.organizationId });
    const mine = await create('mine', userId);
    await builder.buildAll();
    const { template, pools, workspaces } = await remove();
    expect(template.name).toBe(pool.name);
    expect(workspaces).toBe(1);
    expect(pools.map(({ preset }) => preset)).toEqual(['a', 'b']);
    expect((await lastEvents([pool.poolId]))[0]).toMatchObject({ kind: 'template_deleted' });
    await expect(create('late', userId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const again of [remove, () => deprecate('x'), invalidate, () => promote('v1')]) {
      await expect(again()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const api = await openPoolApi(store, pool);
    await expect(api.show()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await reconcile(pool);
    await reconcile(other);
    await builder.buildAll();
    expect([await live(pool), await live(other)]).toEqual([{}, {}]);

    const deps = { ...store.kit, database: store.database };
    await changeWorkspace(
      deps,
      { userId, isAdmin: false },
      { id: mine.workspaceId, transition: 'delete' },
    );
    await builder.buildAll();
    expect(
      await store.sql('select from workspaces where id = $1 and deleted_at is not null', [
        mine.workspaceId,
      ]),
    ).toHaveLength(1);
  });

  it('says beforehand what would drain', async () => {
    await fill();
    const before = await readWorld(store.connection);
    const { pools } = await remove({ dryRun: true });
    expect(pools[0]).toMatchObject({
      plan: { presets: [{ actions: [{ type: 'delete', reason: 'inactive' }] }] },
    });
    expect(await readWorld(store.connection)).toEqual(before);
  });

  it('waits for a turn that is under way, and refuses what waited behind it', async () => {
    await nextVersion('a');
    const held = await holdTurn(() => reconcile(pool));
    const removing = remove();
    await somebodyWaits(store);
    const refused = expect(promote('v2')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await held.release();
    await removing;
    await refused;
    await Promise.all(replicas.map((replica) => reconcile(pool, replica)));
    expect(await live(pool)).toEqual({});
  });

  it('gives its name to a push that waited for the deletion', async () => {
    const session = await store.database.connect();
    try {
      await session.query('begin');
      await session.query('update templates set deleted_at = standby_now() where id = $1', [
        pool.templateId,
      ]);
      const { organizationId, name } = pool;
      const id = createId<TemplateId>(store.kit);
      const pushing = store.database.transaction((tx) =>
        ensureLockedTemplate(tx, { id, organizationId, name }),
      );
      await somebodyWaits(store);
      await session.query('commit');
      expect(await pushing).toBe(id);
    } finally {
      await session.end();
    }
  });
});

describe('an invalidated template', () => {
  it('has the prebuilds of all its pools replaced, and lists these', async () => {
    const dead = await make.pool(pool, { name: 'dead' });
    await fill();
    await store.sql('delete from presets where id = $1', [dead.presetId]);
    await store.advanceClock(1_000);
    store.announced.length = 0;
    const { pools } = await invalidate();
    expect(pools).toMatchObject([
      { preset: 'a', state: { expired: 2 } },
      { preset: 'b', state: { expired: 1 } },
    ]);
    expect(pools.every((one) => one.last_invalidated_at !== null)).toBe(true);
    expect([...noticedPools()].sort()).toEqual([pool.poolId, other.poolId].sort());
    expect((await lastEvents([other.poolId]))[0]).toMatchObject({ kind: 'invalidated' });
    expect(doneOf(await reconcile(pool))).toEqual(['pool.deleting 2 expired', 'pool.created 2']);
  });
});
