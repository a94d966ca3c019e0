import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId, type PoolId } from '../../../src/base/id.ts';
import { recordMiss } from '../../../src/store/claim.ts';
import type { Transaction } from '../../../src/store/database.ts';
import { CHECKS } from '../../../src/store/doctor/all.ts';
import { examine, type Examination, type Finding } from '../../../src/store/doctor/examine.ts';
import { createBuilder, FAILED, SUCCEEDED } from '../../support/builder.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory } from '../../support/factory.ts';
import { reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { COUNTER_PLANTS, PLANTS } from './plant.ts';

const OPTIONS = { checkTimeoutMs: 10_000 };

/** Rows may name what is not there. */
const WITHOUT_KEYS = `
  do $$
  declare
    k record;
  begin
    for k in
      select conrelid::regclass as of, conname
      from pg_constraint
      where contype = 'f' and connamespace = current_schema()::regnamespace
    loop
      execute format('alter table %s drop constraint %I', k.of, k.conname);
    end loop;
  end $$`;

let store: TestStore;
let poolId: PoolId;

/** A world in which everything has happened once: made by the product, but for the template. */
beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  const builder = createBuilder(store);
  const organizationId = await make.organization();
  const userId = await make.user({ organizationId });
  const template = await make.template({
    organizationId,
    manifest: { agents: [{ name: 'main' } as never] },
  });
  const pool = await make.pool(template, { desired: 5 });
  poolId = pool.poolId;
  await reconcileNow(store, poolId);
  const [broken, ...good] = await builder.take();
  await builder.finish(broken!.jobId, FAILED);
  for (const { jobId } of good) await builder.finish(jobId, SUCCEEDED);
  await store.sql(`update agents set lifecycle = 'ready', last_seen_at = standby_now()`);
  await store.sql(`update pool_members set ready = true where running_since is not null`);
  await claimOne(store.database, store.kit, { pool, userId, name: 'mine' });
  await builder.buildAll();
  // One too many goes.
  await store.sql('update presets set desired_instances = 2 where id = $1', [pool.presetId]);
  await reconcileNow(store, poolId);
  await builder.buildAll();
  const other = await store.sql<{ id: never }>(
    `insert into users (id, username, display_name, created_at)
     values (gen_random_uuid(), 'other', 'Other', standby_now()) returning id`,
  );
  const own = await make.workspace(template, { ownerId: other[0]!.id });
  await builder.buildAll();
  await recordMiss.run(store.database, {
    ...{ claimId: createId(store.kit), eventId: createId(store.kit), reason: 'empty', userId },
    ...{ organizationId, templateId: pool.templateId, poolId, preset: pool.presetName },
    ...{ workspaceId: own.workspaceId, epoch: 1, resolveMs: 0 },
  });
});
afterAll(() => store.close());

describe('the checks of the doctor', () => {
  it('find nothing where nothing is wrong, and change nothing', async () => {
    const world = `select md5(string_agg(t::text, '' order by t::text)) as hash from pool_members t`;
    const before = await store.sql(world);
    expect(await look()).toEqual({
      findings: [],
      unfinished: [],
    });
    expect(await store.sql(world)).toEqual(before);
    const kinds = await store.sql(
      `select (select count(*)::int from claims where outcome = 'hit') as claimed,
         (select count(*)::int from workspaces where deleted_at is not null) as deleted,
         (select count(*)::int from judged_builds where failed) as failed,
         (select count(*)::int from pool_members where ready) as ready`,
    );
    expect(kinds).toEqual([{ claimed: 1, deleted: 1, failed: 1, ready: 2 }]);
  });

  it('have a fault planted for each', () => {
    expect(Object.keys(PLANTS).sort()).toEqual(CHECKS.map(({ id }) => id).sort());
  });

  it.each(Object.entries(PLANTS))('find %s', async (id, plants) => {
    const found = await findPlanted(plants);
    const finding = found.find((one) => one.id === id);
    expect(finding, `found ${found.map((one) => one.id).join(', ')}`).toBeDefined();
    expect(finding!.total).toBeGreaterThanOrEqual(1);
    expect(finding!.subjects[0]).toMatch(/\S/);
  });

  it.each(Object.entries(COUNTER_PLANTS))(
    'find that %s is behind, and no other counter',
    async (counter, plants) => {
      const found = await findPlanted(plants);
      const behind = found.find(({ id }) => id === 'counter.behind');
      expect(behind?.subjects).not.toHaveLength(0);
      for (const subject of behind?.subjects ?? ['none']) expect(subject).toContain(`${counter} `);
    },
  );

  it('do not miss what was taken away by its age: counters may be ahead', async () => {
    expect(
      await findPlanted([`delete from claims where outcome = 'miss' and workspace_id is not null`]),
    ).toEqual([]);
  });

  it.each(['{"size": "xl"}', '{}'])(
    'believe that a preset cannot be built while its parameters do not fit (%s)',
    async (parameters) => {
      const declared = { name: 'region', type: 'string', default: null, options: [] };
      expect(
        await findPlanted([
          `update template_versions
           set manifest = jsonb_set(manifest, '{parameters}', '[${JSON.stringify(declared)}]')`,
          `update presets set parameters = '${parameters}', status = 'validation_failed',
             validation_error = 'x'`,
        ]),
      ).toEqual([]);
    },
  );

  it.each([
    ['deadline_at = standby_now()', 1],
    [
      `autostart_schedule = '0 9 * * *', autostart_timezone = 'UTC', next_start_at = standby_now()`,
      1,
    ],
    // It never comes, or is not known to.
    [`autostart_schedule = '0 9 * * *', autostart_timezone = 'UTC'`, 0],
    ['deadline_at = standby_now(), due_at = standby_now()', 0],
  ])('see a life that nobody will look at (%s: %i)', async (life, total) => {
    const found = await findPlanted([
      `update workspaces set ${life}
       where id = (select workspace_id from claims where outcome = 'hit')`,
    ]);
    expect(found.find(({ id }) => id === 'life.due')?.total ?? 0).toBe(total);
  });

  it('leave a paused pool its brakes', async () => {
    const found = await findPlanted([
      ...(PLANTS['brakes.stale'] ?? []),
      'update pools set paused = true',
    ]);
    expect(found.map(({ id }) => id)).not.toContain('brakes.stale');
  });

  it.each(['gone', 'died', 'restored', 'claim_forgotten'])(
    'take the word of no agent for what is broken for good (%s)',
    async (broken) => {
      const found = await findPlanted([
        `update pool_members set ready = false, unready_since = standby_now(), broken = '${broken}'
         where running_since is not null`,
      ]);
      expect(found).toEqual([]);
    },
  );

  it('say how many there are, and show the first', async () => {
    const found = await findPlanted([
      `insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
       select '00000000-0000-7000-8000-000000000001', 'k' || n,
         '\\x00', (select id from workspaces limit 1), standby_now() - interval '3 days'
       from generate_series(101, 150) as n`,
    ]);
    const [left] = found.filter(({ id }) => id === 'idempotency_key.left');
    expect(left).toMatchObject({ total: 50 });
    expect(left!.subjects.length).toBe(20);
  });

  it('that take too long leave the others their answers', async () => {
    await store.sql(
      `create function slow() returns text language sql as $$ select pg_sleep(5)::text $$;
       alter table users rename to real_users;
       create view users as
         select id, is_system, site_roles, case when slow() is null then '' else status end as status
         from real_users`,
    );
    const { findings, unfinished } = await look(500);
    await store.sql('drop view users; alter table real_users rename to users; drop function slow');
    expect(unfinished).toEqual(['system.user']);
    expect(findings).toEqual([]);
  });
});

function look(checkTimeoutMs = OPTIONS.checkTimeoutMs): Promise<Examination> {
  const work = (tx: Transaction): Promise<Examination> => examine(tx, CHECKS, { checkTimeoutMs });
  return store.database.transaction(work, { mode: 'snapshot' });
}

/** What is found with the faults planted, in a transaction that is rolled back. */
async function findPlanted(plants: readonly string[]): Promise<readonly Finding[]> {
  let found: readonly Finding[] = [];
  const undone = new Error('undone');
  const work = store.database.transaction(async (tx) => {
    for (const text of [WITHOUT_KEYS, ...plants]) await tx.query({ name: '', text, values: [] });
    ({ findings: found } = await examine(tx, CHECKS, OPTIONS));
    throw undone;
  });
  await expect(work).rejects.toBe(undone);
  return found;
}
