import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import type { OrganizationId, UserId } from '../../../src/base/id.ts';
import type { Database } from '../../../src/store/database.ts';
import { findWorkspaces } from '../../../src/store/workspace.ts';
import type { CreatedWorkspace } from '../../../src/workspaces/served.ts';
import { createTestCreator } from '../../support/creator.ts';
import type { WorkspaceRequest } from '../../../src/workspaces/request.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { claimOne } from '../../support/claim.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { asCreated, NO_WAITING } from '../../support/created.ts';

let store: TestStore;
let make: Factory;
let organizationId: OrganizationId;
let organization: string;
let pool: TestPool;
let ann: UserId;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
});
afterAll(() => store.close());

beforeEach(async () => {
  organizationId = await make.organization();
  [{ name: organization }] = (await store.sql<{ name: string }>(
    'select name from organizations where id = $1',
    [organizationId],
  )) as [{ name: string }];
  ann = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'instant' } }));
});

const request = (given: Partial<WorkspaceRequest> = {}): WorkspaceRequest => ({
  organization,
  template: pool.name,
  name: 'demo',
  preset: pool.presetName,
  parameters: {},
  onEmpty: 'create',
  ...NO_WAITING,
  idempotencyKey: undefined,
  ...given,
});

const create = (
  given: Partial<WorkspaceRequest> = {},
  who: { readonly userId?: UserId; readonly database?: Database } = {},
): Promise<CreatedWorkspace> =>
  createTestCreator({
    ...store.kit,
    keyring: store.keyring,
    database: who.database ?? store.database,
  })({ userId: who.userId ?? ann, isAdmin: false }, request(given)).then(asCreated);

const failure = async (work: Promise<unknown>): Promise<AppError> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error('no AppError was thrown', { cause: error });
  return error;
};

const countRows = (): Promise<readonly unknown[]> =>
  store.sql(
    `select (select count(*) from workspaces) as workspaces, (select count(*) from builds) as builds,
       (select count(*) from claims) as claims`,
  );

describe('a claim', () => {
  it('hands over the oldest ready prebuild and leaves a record of it', async () => {
    const [first, second] = await makeReady(store, make, { pool, count: 2 });
    store.announced.length = 0;
    expect(await create()).toMatchObject({ workspaceId: first, claimed: true, reason: null });
    expect(
      await store.sql('select owner_id, name, epoch from workspaces where id = $1', [first]),
    ).toEqual([{ owner_id: ann, name: 'demo', epoch: 1 }]);
    expect(
      await store.sql('select workspace_id from pool_members where pool_id = $1', [pool.poolId]),
    ).toEqual([{ workspace_id: second }]);
    expect(
      await store.sql('select outcome, user_id, epoch from claims where workspace_id = $1', [
        first,
      ]),
    ).toEqual([{ outcome: 'hit', user_id: ann, epoch: 1 }]);
    expect(
      await store.sql('select kind from pool_events where workspace_id = $1', [first]),
    ).toEqual([{ kind: 'claimed' }]);
    expect(store.announced).toEqual([
      { kind: 'pool', poolId: pool.poolId },
      { kind: 'workspace', workspaceId: first },
      { kind: 'owner', workspaceId: first },
    ]);
  });

  it('tells what the workspace is from then on, as a later look does', async () => {
    const [id] = await makeReady(store, make, { pool, count: 1 });
    await store.sql(`update builds set outputs = '{"url":"http://here"}' where workspace_id = $1`, [
      id,
    ]);
    await store.sql(
      `insert into agents
         (id, workspace_id, name, kind, lifecycle, last_seen_at, timeout_seconds, created_at)
       select gen_random_uuid(), $1, name, 'check', 'ready', standby_now(), 60, standby_now()
       from unnest('{one,two}'::text[]) as name`,
      [id],
    );
    const { handedOver } = await create();
    expect(handedOver).toMatchObject({ epoch: 1, ownerId: ann, outputs: { url: 'http://here' } });
    expect(handedOver?.agents).toHaveLength(2);
    expect([handedOver]).toEqual(await findWorkspaces.all(store.database, { ids: [id!] }));
  });

  it('that names neither preset nor parameters gets the default preset, where there is one', async () => {
    await makeReady(store, make, { pool, count: 2 });
    await store.sql(`update presets set parameters = '{"size":"s"}' where id = $1`, [
      pool.presetId,
    ]);
    await store.sql(
      `update template_versions
       set manifest = jsonb_set(manifest, '{parameters}',
         '[{"name":"size","type":"string","description":"","default":"s","options":[],"mutable":false}]')
       where id = $1`,
      [pool.versionId],
    );
    expect(await create({ name: 'one', preset: undefined })).toMatchObject({ claimed: false });
    await store.sql('update presets set is_default = true where id = $1', [pool.presetId]);
    expect(await create({ name: 'two', preset: undefined })).toMatchObject({ claimed: true });
    expect(await create({ name: 'three', preset: 'none' })).toMatchObject({
      claimed: false,
      reason: null,
    });
  });

  it('hands over the newest where the preset says so', async () => {
    await store.sql(`update presets set claim_order = 'newest' where id = $1`, [pool.presetId]);
    const [, second] = await makeReady(store, make, { pool, count: 2 });
    expect((await create()).workspaceId).toBe(second);
  });

  it('of an instant template starts no build, of another one starts one on the same machine', async () => {
    const [instant] = await makeReady(store, make, { pool, count: 1 });
    await create();
    expect(
      await store.sql('select number from builds where workspace_id = $1', [instant]),
    ).toHaveLength(1);

    pool = await make.pool(await make.template({ organizationId, manifest: { claim: 'apply' } }));
    const [applied] = await makeReady(store, make, { pool, count: 1 });
    await store.sql(`update workspaces set machine_id = 'here' where id = $1`, [applied]);
    await create({ name: 'other' });
    expect(
      await store.sql(
        `select b.number, b.stage, b.initiator_id, j.class, j.machine_id, j.status
         from builds b join jobs j on j.id = b.job_id
         where b.workspace_id = $1 and b.number = 2`,
        [applied],
      ),
    ).toEqual([
      {
        number: 2,
        stage: 'claim',
        initiator_id: ann,
        class: 1,
        machine_id: 'here',
        status: 'pending',
      },
    ]);
  });

  it('ends the sessions of the pool in its own transaction', async () => {
    const [workspaceId] = await makeReady(store, make, { pool, count: 1 });
    if (workspaceId === undefined) throw new Error('none was made');
    const agentId = await make.agent(workspaceId);
    await store.sql(
      `update agents set lifecycle = 'ready', last_seen_at = standby_now() where id = $1`,
      [agentId],
    );
    await store.sql(
      `insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
       values (gen_random_uuid(), $1, $2, 0, sha256('x'), standby_now())`,
      [agentId, workspaceId],
    );
    await create();
    expect(
      await store.sql(
        'select ended_at is null as live from agent_sessions where workspace_id = $1',
        [workspaceId],
      ),
    ).toEqual([{ live: false }]);
  });

  it.each([
    [
      'expired by its TTL',
      `update presets set ttl_seconds = 60 where id = $1`,
      'presetId',
      61_000,
      'all_expired',
    ],
    [
      'expired by an invalidation',
      `update pools set last_invalidated_at = standby_now() + interval '1 second' where id = $1`,
      'poolId',
      0,
      'all_expired',
    ],
    [
      'not ready',
      `update pool_members set ready = false where preset_id = $1`,
      'presetId',
      0,
      'none_ready',
    ],
  ] as const)('never hands over one that is %s', async (_what, sql, of, laterMs, reason) => {
    await makeReady(store, make, { pool, count: 1 });
    await store.sql(sql, [pool[of]]);
    await store.advanceClock(laterMs);
    expect(await create()).toMatchObject({ claimed: false, reason });
  });

  it.each([
    ['another version became active', `update templates set active_version_id = null`],
    ['its template was deprecated', `update templates set deprecated = 'old'`],
    ['its template was deleted', `update templates set deleted_at = standby_now()`],
  ])('takes nothing when %s after it was judged', async (_what, sql) => {
    await makeReady(store, make, { pool, count: 1 });
    await store.sql(`${sql} where id = $1`, [pool.templateId]);
    const claim = { pool, userId: ann, name: 'late' };
    expect(await claimOne(store.database, store.kit, claim)).toBeUndefined();
  });

  it('still serves from a paused pool, and explains a miss by the pause', async () => {
    await makeReady(store, make, { pool, count: 1 });
    await store.sql('update pools set paused = true where id = $1', [pool.poolId]);
    expect(await create({ name: 'one' })).toMatchObject({ claimed: true });
    expect(await create({ name: 'two' })).toMatchObject({ claimed: false, reason: 'paused' });
  });

  it('that finds nothing builds an ordinary workspace in the same transaction', async () => {
    const created = await create();
    expect(created).toMatchObject({ claimed: false, reason: 'empty' });
    expect(
      await store.sql(
        `select w.origin, w.owner_id, w.epoch, b.number, b.preset_id, j.class, c.outcome, c.reason
         from workspaces w
         join builds b on b.workspace_id = w.id
         join jobs j on j.id = b.job_id
         join claims c on c.workspace_id = w.id
         where w.id = $1`,
        [created.workspaceId],
      ),
    ).toEqual([
      {
        origin: 'user',
        owner_id: ann,
        epoch: 1,
        number: 1,
        preset_id: pool.presetId,
        class: 2,
        outcome: 'miss',
        reason: 'empty',
      },
    ]);
  });

  it('that wants nothing but a prebuilt one is refused, and its miss recorded', async () => {
    const before = await store.sql('select count(*) from workspaces');
    const error = await failure(create({ onEmpty: 'fail' }));
    expect(error.code).toBe('POOL_EMPTY');
    expect(error.fields).toEqual({ reason: 'empty', starting: 0, estimate_seconds: null });
    expect(await store.sql('select count(*) from workspaces')).toEqual(before);
    expect(
      await store.sql('select outcome, reason, workspace_id from claims where pool_id = $1', [
        pool.poolId,
      ]),
    ).toEqual([{ outcome: 'miss', reason: 'empty', workspace_id: null }]);
  });

  it('promises only what is being built, not what failed and is kept', async () => {
    const builds = [await make.prebuild(pool), await make.prebuild(pool)];
    await store.sql(
      `update jobs set completed_at = standby_now(), error = 'broken', error_code = 'exit_1'
       where id = $1`,
      [builds[0]!.jobId],
    );
    expect((await failure(create({ onEmpty: 'fail' }))).fields).toMatchObject({ starting: 1 });
  });

  it('is refused for what cannot be served, and changes nothing', async () => {
    await makeReady(store, make, { pool, count: 1 });
    const before = await countRows();
    const stranger = await make.user();
    const codes = [
      (await failure(create({ preset: 'nope' }))).code,
      (await failure(create({ template: 'nope' }))).code,
      (await failure(create({ parameters: { nope: '1' } }))).code,
      (await failure(create({ name: 'prebuild-x' }))).code,
      (await failure(create({ name: 'a/b c' }))).code,
      (await failure(create({}, { userId: stranger }))).code,
    ];
    expect(codes).toEqual([
      'PRESET_UNKNOWN',
      'NOT_FOUND',
      'PARAMETERS_INVALID',
      'NAME_INVALID',
      'NAME_INVALID',
      'NOT_FOUND',
    ]);
    await store.sql(`update templates set deprecated = 'old' where id = $1`, [pool.templateId]);
    expect((await failure(create())).code).toBe('TEMPLATE_DEPRECATED');
    expect(await countRows()).toEqual(before);
  });

  it('with a name that is taken gives the prebuild back', async () => {
    await makeReady(store, make, { pool, count: 2 });
    await create();
    expect((await failure(create())).code).toBe('NAME_TAKEN');
    expect(
      await store.sql('select 1 from pool_members where pool_id = $1', [pool.poolId]),
    ).toHaveLength(1);
  });
});

describe('an idempotency key', () => {
  it('sent sixteen times at once is served once', async () => {
    await makeReady(store, make, { pool, count: 16 });
    const second = store.open();
    const all = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        create({ idempotencyKey: 'k' }, { database: n % 2 === 0 ? store.database : second }),
      ),
    );
    expect(new Set(all.map((one) => one.workspaceId)).size).toBe(1);
    expect(all.every((one) => one.claimed)).toBe(true);
    expect(
      await store.sql('select 1 from pool_members where pool_id = $1', [pool.poolId]),
    ).toHaveLength(15);
  });

  it('sent sixteen times at once for the only prebuild gets it every time', async () => {
    const [only] = await makeReady(store, make, { pool, count: 1 });
    const second = store.open();
    const all = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        create(
          { idempotencyKey: 'k', onEmpty: 'fail' },
          { database: n % 2 === 0 ? store.database : second },
        ),
      ),
    );
    expect(new Set(all.map((one) => one.workspaceId))).toEqual(new Set([only]));
    expect(await store.sql('select from claims where pool_id = $1', [pool.poolId])).toHaveLength(1);
  });

  it('gives the same answer for an ordinary workspace, too', async () => {
    const first = await create({ idempotencyKey: 'k' });
    expect(await create({ idempotencyKey: 'k' })).toEqual({ ...first, isRepeated: true });
  });

  it('of another request is refused', async () => {
    await create({ idempotencyKey: 'k' });
    const error = await failure(create({ idempotencyKey: 'k', name: 'other' }));
    expect(error.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it('counts for a day', async () => {
    const first = await create({ idempotencyKey: 'k' });
    await store.advanceClock(24 * 3_600_000 + 1);
    const second = await create({ idempotencyKey: 'k', name: 'other' });
    expect(second.workspaceId).not.toBe(first.workspaceId);
  });
});

describe('many claims at once', () => {
  it('each get another prebuild, and those without one miss', async () => {
    await makeReady(store, make, { pool, count: 30 });
    const second = store.open();
    const users = await Promise.all(
      Array.from({ length: 50 }, () => make.user({ organizationId })),
    );
    const all = await Promise.all(
      users.map((userId, n) =>
        create({}, { userId, database: n % 2 === 0 ? store.database : second }),
      ),
    );
    const hits = all.filter((one) => one.claimed);
    expect(hits).toHaveLength(30);
    expect(new Set(hits.map((one) => one.workspaceId)).size).toBe(30);
    expect(all.filter((one) => !one.claimed && one.reason !== null)).toHaveLength(20);
  });

  it('pass over what another one is taking, and wait for nobody', async () => {
    const [first, second] = await makeReady(store, make, { pool, count: 2 });
    const other = await store.database.connect();
    await other.query('begin');
    await other.query('select from pool_members where workspace_id = $1 for update', [first]);
    expect((await create()).workspaceId).toBe(second);
    expect(await create({ name: 'other' })).toMatchObject({ claimed: false, reason: 'none_ready' });
    await other.query('rollback');
    await other.end();
  });

  it('take one each even where the planner joins by nested loops', async () => {
    await makeReady(store, make, { pool, count: 20 });
    await store.sql(
      `do $$ begin execute format('alter database %I set enable_hashjoin = off', current_database());
       execute format('alter database %I set enable_mergejoin = off', current_database());
       execute format('alter database %I set enable_material = off', current_database()); end $$`,
    );
    await create({}, { database: store.open(1) });
    expect(
      await store.sql('select 1 from pool_members where pool_id = $1', [pool.poolId]),
    ).toHaveLength(19);
  });
});
