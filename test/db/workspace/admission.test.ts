// Every build passes the one check, and what it refuses leaves nothing.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import { exchangeBuildAdmission } from '../../../src/store/build-admission.ts';
import { changeWorkspace } from '../../../src/workspaces/change-workspace.ts';
import { createTestCreator } from '../../support/creator.ts';
import { createBuilder, type Builder } from '../../support/builder.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { reconcileNow } from '../../support/reconcile.ts';
import { listPrograms, readRepositoryFile } from '../../support/source-files.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const ORGANIZATION = 'somewhere';
let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;
let ann: UserId;
let seen: string[];

beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
  const organizationId = await make.organization(ORGANIZATION);
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }), { desired: 1 });
  seen = [];
  exchangeBuildAdmission((_, builds) => {
    seen.push(...builds.map(({ transition, reason }) => `${transition}: ${reason}`));
    return Promise.resolve();
  });
});
afterEach(async () => {
  exchangeBuildAdmission();
  await store.close();
});

const fill = async (): Promise<void> => {
  await reconcileNow(store, pool.poolId);
  await builder.buildAll();
};
const desire = (instances: number) =>
  store.sql('update presets set desired_instances = $2 where id = $1', [pool.presetId, instances]);
const ask = async (name: string): Promise<WorkspaceId> => {
  const create = createTestCreator({ ...store.kit, ...store });
  return asCreated(
    await create(
      { userId: ann, isAdmin: false },
      {
        ...{ organization: ORGANIZATION, template: pool.name, name, preset: pool.presetName },
        ...{ parameters: {}, onEmpty: 'create', ...NO_WAITING, idempotencyKey: undefined },
      },
    ),
  ).workspaceId;
};
const change = (id: WorkspaceId, transition: 'start' | 'stop' | 'delete') =>
  changeWorkspace({ ...store.kit, ...store }, { userId: ann, isAdmin: false }, { id, transition });
const countRows = async (): Promise<unknown> =>
  store.sql(
    `select (select count(*) from workspaces)::int as workspaces,
       (select count(*) from builds)::int as builds, (select count(*) from jobs)::int as jobs`,
  );

describe('every build', () => {
  it('of a person is admitted: handed over, made, stopped, started, deleted', async () => {
    await fill();
    seen.length = 0;
    const claimed = await ask('claimed');
    await ask('made');
    await builder.buildAll();
    for (const transition of ['stop', 'start', 'delete'] as const) {
      await change(claimed, transition);
      await builder.buildAll();
    }
    expect(seen.map((one) => one.split(':')[0])).toEqual([
      ...['start', 'start', 'stop', 'start', 'delete'],
    ]);
  });

  it('of a pool is admitted: created, deleted, canceled', async () => {
    await fill();
    await desire(2);
    await reconcileNow(store, pool.poolId);
    await desire(1);
    await reconcileNow(store, pool.poolId);
    await desire(0);
    await reconcileNow(store, pool.poolId);
    expect(seen).toEqual([
      ...['start: prebuild', 'start: prebuild'],
      ...['delete: not_wanted', 'delete: extraneous'],
    ]);
  });

  it('is inserted by the one statement behind the check', () => {
    const inserting = listPrograms()
      .filter((path) => path.startsWith('src/'))
      .filter((path) => readRepositoryFile(path).includes('insert into builds'));
    expect(inserting).toEqual(['src/store/build.ts']);
    expect(readRepositoryFile('src/store/build.ts').split('insertBuildRows.later')).toHaveLength(2);
  });
});

describe('what is not admitted', () => {
  const refuse = () =>
    exchangeBuildAdmission(() => {
      throw new AppError('FORBIDDEN', 'no builds today');
    });

  it('is refused to whoever asked, leaves nothing, and is admitted again afterwards', async () => {
    refuse();
    const before = await countRows();
    await expect(ask('mine')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await countRows()).toEqual(before);
    exchangeBuildAdmission();
    await ask('mine');
  });

  it('fails the pool’s action alone', async () => {
    refuse();
    const before = await countRows();
    const outcome = await reconcileNow(store, pool.poolId);
    expect(outcome).toMatchObject({ kind: 'reconciled', errors: [{ code: 'FORBIDDEN' }] });
    expect(await countRows()).toEqual(before);
  });
});
