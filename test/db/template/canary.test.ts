// The promotion of a version that refuses to replace anything at a claim: rehearsed with canaries first.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTemplateHandlers } from '../../../src/api/template/handlers.ts';
import type { OrganizationId, UserId, VersionId, WorkspaceId } from '../../../src/base/id.ts';
import type { Replacement } from '../../../src/domain/job/replacement.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { deleteCanaries } from '../../../src/jobs/canary.ts';
import { readCreationBudget } from '../../../src/store/creation-budget.ts';
import { INVARIANTS } from '../../../src/store/doctor/all.ts';
import { examine } from '../../../src/store/doctor/examine.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { ADMIN } from '../../support/pool-api.ts';
import {
  createQueue,
  FAILED,
  SUCCEEDED,
  type TestDaemon,
  type TestQueue,
} from '../../support/queue.ts';
import { reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let organization: string;
let organizationId: OrganizationId;
let userId: UserId;
let daemon: TestDaemon;
/** Of a version that is imported and not active. */
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
});
afterAll(() => store.close());

beforeEach(async () => {
  organization = `org-${Buffer.from(store.kit.rng.bytes(4)).toString('hex')}`;
  organizationId = await make.organization(organization);
  userId = await make.user({ organizationId });
  daemon = await queue.daemon({ drivers: ['terraform'] }, { organizationId });
  pool = await refusing();
  await store.sql('update templates set active_version_id = null where id = $1', [pool.templateId]);
});

async function refusing(): Promise<TestPool> {
  const manifest = { driver: 'terraform', rehearsal: 'refuse' } as const;
  return make.pool(await make.template({ organizationId, manifest }), { name: 'p', desired: 1 });
}

const DISK: Replacement = { address: 'x.disk', action: 'replace', paths: ['user_data'] };

async function promote({ dryRun = false, options = RECONCILER_OPTIONS } = {}): Promise<unknown> {
  const [{ name }] = (await store.sql<{ name: string }>(
    'select name from template_versions where id = $1',
    [pool.versionId],
  )) as [{ name: string }];
  return createTemplateHandlers(store, options).promoteVersion({
    caller: ADMIN,
    params: { organization, template: pool.name, version: name },
    query: { dry_run: dryRun ? 'true' : 'false' },
    signal: new AbortController().signal,
  });
}

const active = async (): Promise<VersionId | null> => {
  const [row] = await store.sql<{ active: VersionId | null }>(
    'select active_version_id as active from templates where id = $1',
    [pool.templateId],
  );
  return row?.active ?? null;
};

const canaries = async (): Promise<readonly WorkspaceId[]> =>
  (
    await store.sql<{ id: WorkspaceId }>(
      `select w.id from canaries c join workspaces w on w.id = c.workspace_id
       where w.template_id = $1 and w.deleted_at is null
       order by w.id`,
      [pool.templateId],
    )
  ).map(({ id }) => id);

const pending = { code: 'REHEARSAL_PENDING' };
const take = (): Promise<AttemptRef> => queue.mustTake(daemon);
const tend = (): Promise<void> => deleteCanaries({ ...store.kit, database: store.database });

describe('a version that refuses what claims replace', () => {
  it('is promoted once a canary of each pool was rehearsed with, and is clean', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    await expect(promote()).rejects.toMatchObject(pending);
    expect(await canaries()).toHaveLength(1);
    const [named] = await store.sql<{ name: string }>(
      'select name from workspaces where id = any ($1)',
      [await canaries()],
    );
    expect(named?.name).toMatch(/^prebuild-[a-z2-7]{15}$/);
    await queue.complete(await take()); // built
    await expect(promote()).rejects.toMatchObject(pending);
    await queue.complete(await take()); // rehearsed
    expect(await active()).toBeNull();
    await promote();
    expect(await active()).toBe(pool.versionId);
  });

  it('is refused with what a claim would replace, and its canary is deleted', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    await tend();
    await queue.complete(await take());
    await tend();
    await queue.complete(await take(), { ...SUCCEEDED, replaced: [DISK] });
    await expect(promote()).rejects.toMatchObject({
      code: 'REHEARSAL_REFUSED',
      detail: expect.stringContaining('a claim of preset "p" does not keep x.disk (user_data)'),
    });
    expect(await active()).toBeNull();

    await tend();
    await tend();
    await queue.complete(await take(), FAILED); // the delete
    await tend();
    expect(await queue.take(daemon)).toBeUndefined();
    await store.advanceClock(61_000);
    await tend();
    await queue.complete(await take());
    expect(await canaries()).toEqual([]);
    await tend();
    expect(await store.sql('select from canaries where preset_id = $1', [pool.presetId])).toEqual(
      [],
    );
  });

  it('is refused when its canary cannot be built', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    await queue.complete(await take(), FAILED);
    await expect(promote()).rejects.toMatchObject({
      code: 'REHEARSAL_REFUSED',
      detail: expect.stringContaining('cannot be planned: it broke'),
    });
    await tend();
    await queue.complete(await take());
    expect(await canaries()).toEqual([]);
  });

  it('gets another canary after one that said nothing, and the former is deleted', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    const [former] = await canaries();
    const lost = { outcome: 'failed', error: 'gone', errorCode: 'daemon_lost' } as const;
    await queue.complete(await take(), lost);
    await expect(promote()).rejects.toMatchObject(pending);
    const both = await canaries();
    expect(both).toHaveLength(2);
    await tend();
    const other = both.find((id) => id !== former);
    const taken = [await queue.take(daemon), await queue.take(daemon)];
    expect(taken.map((job) => [job?.build?.workspaceId, job?.build?.transition])).toEqual([
      [former, 'delete'],
      [other, 'start'],
    ]);
  });

  it('gets no canary after three that said nothing within an hour', async () => {
    const lost = { outcome: 'failed', error: 'gone for good', errorCode: 'daemon_lost' } as const;
    for (let tried = 0; tried < 3; tried += 1) {
      await expect(promote()).rejects.toMatchObject(pending);
      await queue.complete(await take(), lost);
    }
    await expect(promote()).rejects.toMatchObject({
      code: 'REHEARSAL_REFUSED',
      detail: expect.stringContaining('the last one because gone for good'),
    });
    expect(await canaries()).toHaveLength(3);
    await store.advanceClock(3_600_001);
    daemon = await queue.daemon({ drivers: ['terraform'] }, { organizationId });
    await expect(promote()).rejects.toMatchObject(pending);
    expect(await canaries()).toHaveLength(4);
  });

  it('gets no canary where no daemon could rehearse with it', async () => {
    await store.sql('update daemons set protocol_version = 2 where organization_id = $1', [
      organizationId,
    ]);
    await expect(promote()).rejects.toMatchObject({
      code: 'NO_DAEMON',
      detail: expect.stringContaining('no daemon of protocol version 3 or newer'),
    });
    expect(await canaries()).toEqual([]);
    daemon = await queue.daemon({ drivers: ['terraform'] }, { organizationId });
    await expect(promote()).rejects.toMatchObject(pending);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['whose build has ended', async () => queue.complete(await take())],
    [
      'whose job has ended',
      async () => {
        await queue.complete(await take());
        await queue.complete(await take());
      },
    ],
  ])('gets another canary in place of one %s without its rehearsal', async (_why, end) => {
    await expect(promote()).rejects.toMatchObject(pending);
    const [former] = await canaries();
    const open = `update rehearsals
      set outcome = null, error = null, completed_at = null, job_id = case when outcome is not null then job_id end
      where preset_id = $1`;
    await end();
    await store.sql(open, [pool.presetId]);
    await tend();
    await expect(promote()).rejects.toMatchObject(pending);
    expect(await canaries()).toHaveLength(2);
    expect((await canaries())[0]).toBe(former);
  });

  it('is left to go on while its canary is built, and while it is rehearsed with', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    await tend();
    await queue.complete(await take());
    await tend();
    await queue.complete(await take());
    await promote();
    expect(await active()).toBe(pool.versionId);
  });

  it('is rehearsed once however many promote it at the same time', async () => {
    await Promise.allSettled([promote(), promote(), promote()]);
    expect(await canaries()).toHaveLength(1);
  });

  it('begins nothing in a dry run, which tells what would happen', async () => {
    expect(await promote({ dryRun: true })).toMatchObject({
      body: { template: { active_version: expect.any(String) }, rehearsed_first: ['p'] },
    });
    expect(await active()).toBeNull();
    expect(await canaries()).toEqual([]);
    expect(await queue.take(daemon)).toBeUndefined();
  });

  it('has a canary that no claim takes, no pool deletes and nothing judges', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    const [canary] = await canaries();
    await queue.complete(await take());
    // As if the version were the active one.
    await store.sql('update templates set active_version_id = $2 where id = $1', [
      pool.templateId,
      pool.versionId,
    ]);
    expect(await claimOne(store.database, store.kit, { pool, userId, name: 'mine' })).toBe(
      undefined,
    );
    await reconcileNow(store, pool.poolId);
    const builds = await store.sql('select from builds where workspace_id = $1', [canary]);
    expect(builds).toHaveLength(1);
    expect(await store.sql('select from judged_builds where pool_id = $1', [pool.poolId])).toEqual(
      [],
    );
  });

  it('is promoted at once when it was rehearsed before, and needs no canary', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    await queue.complete(await take());
    await queue.complete(await take());
    await promote();
    await store.sql('update templates set active_version_id = null where id = $1', [
      pool.templateId,
    ]);
    await promote();
    expect(await active()).toBe(pool.versionId);
  });
});

describe('the canaries of an organization', () => {
  const pools = (count: number): Promise<readonly unknown[]> =>
    store.sql(
      `with l as (
         insert into pools (id, template_id, organization_id, preset_name, created_at)
         select gen_random_uuid(), template_id, organization_id, 'q' || n, created_at
         from pools, generate_series(2, $2::integer) as n
         where id = $1
         returning id, preset_name
       )
       insert into presets
       select (jsonb_populate_record(p, jsonb_build_object(
         'id', gen_random_uuid(), 'name', l.preset_name, 'pool_id', l.id))).*
       from presets p, l
       where p.id = $3`,
      [pool.poolId, count, pool.presetId],
    );

  it('are begun as far as creations may be under way, and the others as soon as they may', async () => {
    await pools(4);
    const options = { ...RECONCILER_OPTIONS, maxCreationsInFlight: 3 };
    await expect(promote({ options })).rejects.toMatchObject({
      ...pending,
      detail: expect.stringContaining('waits: as many creations as may be are under way'),
    });
    expect(await canaries()).toHaveLength(3);
    await expect(promote({ options })).rejects.toMatchObject(pending);
    expect(await canaries()).toHaveLength(3);
    await queue.complete(await take());
    await expect(promote({ options })).rejects.toMatchObject(pending);
    expect(await canaries()).toHaveLength(4);
  });

  it('leave no room for prebuilds beyond it', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    const read = { organizationId, poolIds: [pool.poolId] };
    expect(await readCreationBudget.one(store.database, read)).toMatchObject({
      inFlight: 1,
      ownInFlight: 1,
    });
    await queue.complete(await take());
    expect(await readCreationBudget.one(store.database, read)).toMatchObject({ inFlight: 0 });
  });

  it('are not begun where their cost is more than the pools may spend', async () => {
    await store.sql('update organizations set enforces_quota = true where id = $1', [
      organizationId,
    ]);
    await store.sql(
      `update template_versions
       set manifest = jsonb_set(manifest, '{cost}', '{"hourly":1,"currency":"EUR"}')
       where id = $1`,
      [pool.versionId],
    );
    await expect(promote()).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
    expect(await canaries()).toEqual([]);
  });
});

describe('an installation with canaries', () => {
  it('is found healthy', async () => {
    await expect(promote()).rejects.toMatchObject(pending);
    await queue.complete(await take());
    const [canary] = await canaries();
    const { findings } = await store.database.transaction((tx) =>
      examine(tx, INVARIANTS, { checkTimeoutMs: 10_000 }),
    );
    const about = JSON.stringify([canary, pool.poolId, pool.presetId, pool.templateId]);
    const ours = findings.filter(({ subjects }) => subjects.some((id) => about.includes(id)));
    expect(ours).toEqual([]);
  });
});
