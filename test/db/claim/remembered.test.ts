// Claims by what the names stood for before. What somebody changed meanwhile always counts.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AppError } from '../../../src/base/app-error.ts';
import type { OrganizationId, UserId, WorkspaceId } from '../../../src/base/id.ts';
import { OPERATOR } from '../../support/plays.ts';
import { findTemplate } from '../../../src/store/template.ts';
import { promoteVersion } from '../../../src/templates/promote-version.ts';
import type { CreateWorkspace } from '../../../src/workspaces/create-workspace.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import { createTestCreator } from '../../support/creator.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { countStatements, type CountedDatabase } from '../../support/counted-database.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';

const ORGANIZATION = 'remembering';
const READY = 4;

let store: TestStore;
let make: Factory;
let organizationId: OrganizationId;
let ann: UserId;
let pool: TestPool;
let ready: readonly WorkspaceId[];
let createWorkspace: CreateWorkspace;
let database: CountedDatabase;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  organizationId = await make.organization(ORGANIZATION);
});
afterAll(() => store.close());

beforeEach(async () => {
  database = countStatements(store.database);
  createWorkspace = createTestCreator({ ...store.kit, database, keyring: store.keyring });
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
  ready = await makeReady(store, make, { pool, count: READY });
  expect(await ask({ name: 'first' })).toMatchObject({ claimed: true });
});

interface Asked extends CreatedWorkspace {
  readonly statements: readonly string[];
}

async function ask(
  given: Partial<WorkspaceRequest>,
  who: { readonly userId: UserId; readonly isAdmin: boolean } = { userId: ann, isAdmin: false },
): Promise<Asked> {
  database.take();
  const created = await createWorkspace(who, {
    organization: ORGANIZATION,
    template: pool.name,
    name: 'second',
    preset: pool.presetName,
    parameters: {},
    onEmpty: 'create',
    ...NO_WAITING,
    idempotencyKey: undefined,
    ...given,
  });
  return { ...asCreated(created), statements: database.take().statements };
}

const codeOf = (asked: Promise<Asked>): Promise<string> =>
  asked.then(
    () => 'served',
    (error: unknown) => (error as AppError).code,
  );

const countReady = async (): Promise<number> =>
  (await store.sql('select from pool_members where pool_id = $1', [pool.poolId])).length;

describe('a claim of what was claimed before', () => {
  it('is one statement', async () => {
    expect(await ask({})).toMatchObject({
      workspaceId: ready[1],
      claimed: true,
      reason: null,
      statements: ['claim.take_oldest'],
    });
  });

  it('gets what the new version built once that is promoted', async () => {
    const { versionId, jobId } = await make.version(pool);
    await store.sql(
      'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
      [jobId],
    );
    const next = await make.pool({ ...pool, versionId }, { name: pool.presetName });
    const [newer] = await makeReady(store, make, { pool: next, count: 1 });
    const template = (await findTemplate(store.database, organizationId, pool.name))!;
    await store.database.transaction((tx) =>
      promoteVersion(store.kit, tx, {
        template,
        version: 'v2',
        by: OPERATOR,
        options: { maxInFlight: null },
      }),
    );
    expect(await ask({})).toMatchObject({ claimed: true, workspaceId: newer });
    await makeReady(store, make, { pool: next, count: 1 });
    // What was outdated is not kept: the next one knows the new version.
    expect((await ask({ name: 'third' })).statements).toEqual(['claim.take_oldest']);
  });

  it.each([
    ['deprecated', `update templates set deprecated = 'old' where id = $1`, 'TEMPLATE_DEPRECATED'],
    ['deleted', 'update templates set deleted_at = standby_now() where id = $1', 'NOT_FOUND'],
    [
      'left without a version',
      'update templates set active_version_id = null where id = $1',
      'TEMPLATE_NOT_READY',
    ],
  ])('is refused when the template was %s meanwhile', async (_what, sql, code) => {
    await store.sql(sql, [pool.templateId]);
    expect(await codeOf(ask({}))).toBe(code);
    expect(await countReady()).toBe(READY - 1);
  });

  it('gets nothing of a deleted template when another one has its name', async () => {
    await store.sql('update templates set deleted_at = standby_now() where id = $1', [
      pool.templateId,
    ]);
    const template = await make.template({ organizationId, manifest: { claim: 'instant' } });
    await store.sql('update templates set name = $2 where id = $1', [
      template.templateId,
      pool.name,
    ]);
    const heir = await make.pool(template, { name: pool.presetName });
    const [only] = await makeReady(store, make, { pool: heir, count: 1 });
    expect(await ask({})).toMatchObject({ claimed: true, workspaceId: only });
  });

  it('is for members of the organization, and administrators', async () => {
    const stranger = await make.user();
    expect(await codeOf(ask({}, { userId: stranger, isAdmin: false }))).toBe('NOT_FOUND');
    expect(await ask({}, { userId: stranger, isAdmin: true })).toMatchObject({ claimed: true });
    await store.sql('delete from memberships where user_id = $1', [ann]);
    expect(await codeOf(ask({}))).toBe('NOT_FOUND');
    expect(await countReady()).toBe(READY - 2);
  });

  it('is refused for what cannot be served, and takes nothing', async () => {
    const codes = [
      await codeOf(ask({ preset: 'nope' })),
      await codeOf(ask({ parameters: { nope: '1' } })),
      await codeOf(ask({ name: 'a/b c' })),
      await codeOf(ask({ name: 'first' })),
    ];
    expect(codes).toEqual(['PRESET_UNKNOWN', 'PARAMETERS_INVALID', 'NAME_INVALID', 'NAME_TAKEN']);
    expect(await countReady()).toBe(READY - 1);
  });

  it('with a key that was used gets what that stood for, or is refused', async () => {
    const first = await ask({ idempotencyKey: 'k' });
    const { workspaceId, claimed } = await ask({ idempotencyKey: 'k' });
    expect({ workspaceId, claimed }).toEqual({ workspaceId: first.workspaceId, claimed: true });
    expect(await codeOf(ask({ idempotencyKey: 'k', name: 'third' }))).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
    expect(await countReady()).toBe(READY - 2);
  });

  it('with a key of the day before yesterday is a new one', async () => {
    await ask({ idempotencyKey: 'k' });
    await store.sql(`update idempotency_keys set created_at = created_at - interval '25 hours'`);
    expect(await ask({ idempotencyKey: 'k', name: 'third' })).toMatchObject({ claimed: true });
    expect(await countReady()).toBe(READY - 3);
  });

  it('that finds nothing is an ordinary workspace', async () => {
    for (let n = 1; n < READY; n++) await ask({ name: `taken-${n}` });
    expect(await ask({})).toMatchObject({ claimed: false, reason: 'empty' });
  });

  it('is one statement whatever others have asked for meanwhile', async () => {
    await ask({ name: 'plain', preset: 'none' });
    await codeOf(ask({}, { userId: await make.user(), isAdmin: false }));
    await codeOf(ask({ name: 'first' }));
    expect((await ask({})).statements).toEqual(['claim.take_oldest']);
  });
});
