// What holds creations back, and what is cleaned up beside them, over the time of the database.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import type { JobId, WorkspaceId } from '../../../src/base/id.ts';
import type { JobResult } from '../../../src/domain/job/job.ts';
import { reconcilerOptions } from '../../../src/main/server/reconciler-options.ts';
import { createBuilder, FAILED, SUCCEEDED, type Builder } from '../../support/builder.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { countLive, doneOf, reconcileNow } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const MINUTE = 60_000;
const HUNG: JobResult = { outcome: 'failed', error: 'silent', errorCode: 'hung' };

let store: TestStore;
let make: Factory;
let builder: Builder;
let pool: TestPool;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  builder = createBuilder(store);
});
afterAll(() => store.close());
beforeEach(async () => {
  const organizationId = await make.organization();
  pool = await make.pool(await make.template({ organizationId }), { desired: 1 });
});

const reconcile = async (options = {}): Promise<readonly string[]> =>
  doneOf(await reconcileNow(store, pool.poolId, options));
const wait = (ms: number) => store.advanceClock(ms);
const brakes = async () =>
  (
    await store.sql<{ limited: boolean; cooldown_ms: number | null; trial: boolean }>(
      `select limited_at is not null as limited, cooldown_ms,
         trial_workspace_id is not null as trial
       from pool_brakes where pool_id = $1`,
      [pool.poolId],
    )
  )[0];
const events = async (...kinds: readonly string[]) =>
  (
    await store.sql<{ kind: string }>(
      'select kind from pool_events where pool_id = $1 and kind = any($2) order by at, id',
      [pool.poolId, kinds],
    )
  ).map(({ kind }) => kind);

/** Three builds fail, each after the window of those before. */
async function failUntilLimited(): Promise<void> {
  for (const windowMinutes of [1, 2, 3]) {
    await reconcile();
    await builder.buildAll(FAILED);
    await wait(windowMinutes * MINUTE + 1_000);
  }
}

describe('a failed build', () => {
  it('holds the next creation back for a minute, two failed ones for two', async () => {
    await reconcile();
    await builder.buildAll(FAILED);
    expect(await reconcile()).toEqual([]);
    await wait(MINUTE - 5_000);
    expect(await reconcile()).toEqual([]);
    await wait(6_000);
    expect(await reconcile()).toEqual(['pool.created 1']);
    await builder.buildAll(FAILED);
    await wait(MINUTE + 1_000);
    expect(await reconcile()).toEqual([]);
    await wait(MINUTE);
    expect(await reconcile()).toEqual(['pool.created 1']);
  });

  it('holds back nothing but creations', async () => {
    await store.sql('update presets set ttl_seconds = 60 where id = $1', [pool.presetId]);
    await reconcile();
    await builder.buildAll();
    await store.sql('update presets set desired_instances = 2 where id = $1', [pool.presetId]);
    await reconcile();
    await builder.buildAll(FAILED);
    await wait(2 * MINUTE);
    await store.sql(
      `update judged_builds set completed_at = standby_now() where pool_id = $1 and failed`,
      [pool.poolId],
    );
    expect(await reconcile()).toEqual(['pool.deleting 1 expired']);
  });

  it('that is no fault of the template counts nowhere', async () => {
    for (let n = 0; n < 5; n++) {
      expect(await reconcile()).toContain('pool.created 1');
      await builder.buildAll(n % 2 === 0 ? HUNG : { outcome: 'canceled' });
    }
    expect(await brakes()).toMatchObject({ limited: false });
  });
});

describe('the hard limit', () => {
  it('is reached by three failures, and is told once', async () => {
    await failUntilLimited();
    for (let turn = 0; turn < 3; turn++) await reconcile();
    expect(await brakes()).toEqual({ limited: true, cooldown_ms: 15 * MINUTE, trial: false });
    expect(await events('hard_limit_reached')).toEqual(['hard_limit_reached']);
    await wait(10 * MINUTE);
    expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({ 'start failed': 3 });
  });

  it('does not keep the pool from deleting', async () => {
    await failUntilLimited();
    await reconcile();
    await store.sql(`update templates set deprecated = 'over' where id = $1`, [pool.templateId]);
    await wait(25 * 60 * MINUTE);
    expect(await reconcile()).toEqual(['pool.deleting 3 retention']);
  });

  it('makes one trial after its cool-down, whose success clears everything', async () => {
    await store.sql('update presets set desired_instances = 3 where id = $1', [pool.presetId]);
    await reconcile();
    await builder.buildAll(FAILED);
    expect(await reconcile()).toEqual(['pool.brakes_changed 0']);
    await wait(15 * MINUTE);
    expect(await reconcile()).toEqual(['pool.created 1']);
    expect(await brakes()).toMatchObject({ limited: true, trial: true });
    for (let turn = 0; turn < 3; turn++) expect(await reconcile()).toEqual([]);
    await builder.buildAll(SUCCEEDED);
    expect(await reconcile()).toEqual(['pool.brakes_changed 0', 'pool.created 2']);
    expect(await brakes()).toEqual({ limited: false, cooldown_ms: null, trial: false });
    expect(await events('trial_started', 'hard_limit_healed')).toEqual([
      'trial_started',
      'hard_limit_healed',
    ]);
  });

  it('waits twice as long after a failed trial, as long again after one by no fault of the template', async () => {
    await failUntilLimited();
    await reconcile();
    await wait(16 * MINUTE);
    expect(await reconcile()).toEqual(['pool.created 1']);
    await builder.buildAll(HUNG);
    expect(await reconcile()).toContain('pool.brakes_changed 0');
    expect(await brakes()).toEqual({ limited: true, cooldown_ms: 15 * MINUTE, trial: false });
    await wait(15 * MINUTE);
    expect(await reconcile()).toEqual(['pool.created 1']);
    await builder.buildAll(FAILED);
    expect(await reconcile()).toContain('pool.brakes_changed 0');
    expect(await brakes()).toEqual({ limited: true, cooldown_ms: 30 * MINUTE, trial: false });
  });

  it('ends its trial with the build that the pool cancels, at once', async () => {
    await failUntilLimited();
    await reconcile();
    await wait(16 * MINUTE);
    expect(await reconcile()).toEqual(['pool.created 1']);
    await store.sql('update presets set desired_instances = 0 where id = $1', [pool.presetId]);
    expect(await reconcile()).toEqual(['pool.canceled 1']);
    expect(await brakes()).toEqual({ limited: true, cooldown_ms: 15 * MINUTE, trial: false });
    expect(await events('trial_started', 'trial_voided')).toEqual([
      'trial_started',
      'trial_voided',
    ]);
    expect(await reconcile()).toEqual([]);
    await store.sql('update presets set desired_instances = 1 where id = $1', [pool.presetId]);
    await wait(14 * MINUTE);
    expect(await reconcile()).toEqual([]);
    await wait(2 * MINUTE);
    expect(await reconcile()).toEqual(['pool.created 1']);
  });

  it('is not about a new version, which starts clean', async () => {
    await failUntilLimited();
    await reconcile();
    const { versionId } = await make.version(pool, { active: true });
    await make.pool({ ...pool, versionId }, { name: pool.presetName, desired: 1 });
    expect(await reconcile()).toEqual(['pool.created 1']);
    expect(await brakes()).toMatchObject({ limited: false });
  });
});

describe('the record of how builds ended', () => {
  const record = () =>
    store.sql<{ workspace_id: WorkspaceId; failed: boolean }>(
      `select workspace_id, failed from judged_builds where pool_id = $1
       order by created_at, workspace_id`,
      [pool.poolId],
    );
  /** Of a pool of 250 that were all made at one moment, and some of which fail. */
  async function build(fails: (place: number) => boolean): Promise<readonly WorkspaceId[]> {
    await store.sql('update presets set desired_instances = 250 where id = $1', [pool.presetId]);
    expect(await reconcile()).toEqual(['pool.created 250']);
    await builder.take({ poolId: pool.poolId });
    const made = await store.sql<{ workspace_id: WorkspaceId; job_id: JobId }>(
      `select b.workspace_id, b.job_id
       from builds b
       join jobs j on j.id = b.job_id
       join workspaces w on w.id = b.workspace_id
       where w.pool_id = $1 and b.number = 1 and j.status = 'running'
       order by b.created_at, b.workspace_id`,
      [pool.poolId],
    );
    for (const [place, { job_id: jobId }] of made.entries()) {
      await builder.finish(jobId, fails(place) ? FAILED : SUCCEEDED);
    }
    return made.map(({ workspace_id: id }) => id);
  }

  it('is of the newest hundred, also of a pool of more than that', async () => {
    const made = await build((place) => place >= 247);
    expect((await record()).map(({ workspace_id }) => workspace_id)).toEqual(made.slice(-100));
    // The newest three failed, whatever became of all before them.
    expect(await reconcile()).toEqual(['pool.brakes_changed 0']);
    expect(await brakes()).toMatchObject({ limited: true });
  });

  it('opens a window by what it holds, and holds nothing against a pool that it has forgotten', async () => {
    await build((place) => place === 160);
    expect(await reconcile()).toEqual([]);
    await wait(MINUTE + 1_000);
    expect(await reconcile()).toEqual(['pool.created 1']);
    await builder.buildAll();

    await store.sql('update presets set desired_instances = 0 where id = $1', [pool.presetId]);
    await reconcile();
    await builder.buildAll();
    await wait(2 * 60 * MINUTE);
    await build((place) => place === 140);
    expect((await record()).filter(({ failed }) => failed)).toEqual([]);
    expect(await reconcile()).toEqual(['pool.created 1']);
  });
});

describe('evidence', () => {
  it('is kept for a day and at most of three failed starts', async () => {
    for (let n = 0; n < 5; n++) {
      await reconcile();
      for (const { jobId, transition } of await builder.take()) {
        await builder.finish(jobId, transition === 'start' ? HUNG : SUCCEEDED);
      }
      await wait(1_000);
    }
    await reconcile();
    await builder.buildAll();
    expect(await countLive(store, pool.poolId)).toEqual({
      'start failed': 3,
      'start succeeded': 1,
    });
    await wait(24 * 60 * MINUTE);
    expect(await reconcile()).toEqual(['pool.deleting 3 retention']);
  });

  it('is kept no longer than the template or the operator allows', async () => {
    await reconcile();
    await builder.buildAll(HUNG);
    await reconcile();
    expect(await reconcile({ failedRetentionMs: MINUTE })).toEqual([]);
    await wait(MINUTE);
    expect(await reconcile()).toEqual([]);
    expect(await reconcile({ failedRetentionMs: MINUTE })).toEqual(['pool.deleting 1 retention']);
  });
});

describe('a delete that fails', () => {
  it('is tried again with growing pauses until it succeeds', async () => {
    await reconcile();
    await builder.buildAll();
    await store.sql('update presets set desired_instances = 0 where id = $1', [pool.presetId]);
    expect(await reconcile()).toEqual(['pool.deleting 1 extraneous']);
    for (const minutes of [1, 2, 4, 8]) {
      await builder.buildAll(FAILED);
      await wait(minutes * MINUTE - 1_000);
      expect(await reconcile()).toEqual([]);
      await wait(1_000);
      expect(await reconcile()).toEqual(['pool.deleting 1 retry']);
    }
    await builder.buildAll();
    expect(await countLive(store, pool.poolId)).toEqual({});
    const numbers = await store.sql(
      `select count(*)::int, max(number) from builds b
       join workspaces w on w.id = b.workspace_id where w.pool_id = $1`,
      [pool.poolId],
    );
    expect(numbers).toEqual([{ count: 6, max: 6 }]);
  });
});

describe('parameters that do not fit', () => {
  it('are found before anything is written, and not tried again', async () => {
    await store.sql(`update presets set parameters = '{"size": "xl"}' where id = $1`, [
      pool.presetId,
    ]);
    expect(await reconcile()).toEqual([
      'preset.validation_failed 0 The template has no parameter "size".',
    ]);
    for (let turn = 0; turn < 8; turn++) expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({});
    expect(await events('validation_failed')).toEqual(['validation_failed']);
  });

  it('that are missing hold back their pool, once, and no other', async () => {
    const region = { name: 'region', description: '', default: null, options: [] };
    const { organizationId } = pool;
    const template = await make.template({
      organizationId,
      manifest: { parameters: [{ ...region, type: 'string', mutable: true, sensitive: false }] },
    });
    const other = await make.pool(template, { desired: 2 });
    await store.sql(`update presets set parameters = '{"region": "eu"}' where id = $1`, [
      other.presetId,
    ]);
    pool = await make.pool(template, { desired: 2 });
    const reason = 'The parameter "region" (string) needs a value: it has no default.';
    expect(await reconcile()).toEqual([`preset.validation_failed 0 ${reason}`]);
    expect(doneOf(await reconcileNow(store, other.poolId))).toEqual(['pool.created 2']);
    for (let turn = 0; turn < 8; turn++) expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({});
    expect(await countLive(store, other.poolId)).toEqual({ 'start pending': 2 });
    expect(await events('validation_failed')).toEqual(['validation_failed']);
    expect(
      await store.sql(
        `select id, status, validation_error from presets where version_id = $1 order by status`,
        [template.versionId],
      ),
    ).toEqual([
      { id: other.presetId, status: 'healthy', validation_error: null },
      { id: pool.presetId, status: 'validation_failed', validation_error: reason },
    ]);
  });

  it('keep nothing of the former version alive', async () => {
    await reconcile();
    await builder.buildAll();
    const { versionId } = await make.version(pool, { active: true });
    const next = await make.pool({ ...pool, versionId }, { name: pool.presetName, desired: 2 });
    await store.sql(`update presets set parameters = '{"size": "xl"}' where id = $1`, [
      next.presetId,
    ]);
    expect(await reconcile()).toEqual([
      'pool.deleting 1 inactive',
      'preset.validation_failed 0 The template has no parameter "size".',
    ]);
    await builder.buildAll();
    for (let turn = 0; turn < 8; turn++) expect(await reconcile()).toEqual([]);
    expect(await countLive(store, pool.poolId)).toEqual({});
  });

  it('are tried once more when their version is promoted again', async () => {
    await store.sql(`update presets set parameters = '{"size": "xl"}' where id = $1`, [
      pool.presetId,
    ]);
    await reconcile();
    const { versionId } = await make.version(pool, { active: true });
    await make.pool({ ...pool, versionId }, { name: pool.presetName, desired: 1 });
    expect(await reconcile()).toEqual(['pool.created 1']);
    await store.sql(`update presets set parameters = '{}' where id = $1`, [pool.presetId]);
    await store.sql('update templates set active_version_id = $2 where id = $1', [
      pool.templateId,
      pool.versionId,
    ]);
    expect(await reconcile()).toEqual(['pool.canceled 1', 'pool.created 1']);
    expect(await store.sql('select status from presets where id = $1', [pool.presetId])).toEqual([
      { status: 'healthy' },
    ]);
  });
});

describe('the budget of an organization', () => {
  it('is ten creations for each slot of its daemons, shared by its pools', async () => {
    const other = await make.pool(pool, { desired: 60 });
    await store.sql('update presets set desired_instances = 60 where id = $1', [pool.presetId]);
    const options = { maxCreationsInFlight: null };
    // Without a daemon there is the budget of one slot, half of it for each pool.
    expect(await reconcile(options)).toEqual(['pool.created 5']);
    await make.daemon({ keyId: await make.key({ organizationId: pool.organizationId }) });
    expect(await reconcile(options)).toEqual(['pool.created 15']);
    expect(await reconcile(options)).toEqual([]);
    const outcome = await reconcileNow(store, other.poolId, options);
    expect(doneOf(outcome)).toEqual(['pool.created 20']);
    expect(outcome).toMatchObject({ withheld: [{ count: 40, reason: 'budget' }] });
  });

  it('is what the setting of a control plane says', async () => {
    await store.sql('update presets set desired_instances = 60 where id = $1', [pool.presetId]);
    const config = loadConfig({ STANDBY_PREBUILDS_MAX_CREATIONS_IN_FLIGHT: '7' });
    const { maxCreationsInFlight } = reconcilerOptions(config, { alone: false });
    expect(await reconcile({ maxCreationsInFlight })).toEqual(['pool.created 7']);
    expect(reconcilerOptions(loadConfig({}), { alone: false }).maxCreationsInFlight).toBeNull();
  });

  it('leaves no share to pools that nothing is made for', async () => {
    const { organizationId } = pool;
    const old = await make.template({ organizationId });
    for (let n = 0; n < 2; n++) await make.pool(old, { desired: 30 });
    await store.sql(`update templates set deprecated = 'over' where id = $1`, [old.templateId]);
    const paused = await make.pool(pool, { desired: 30 });
    await store.sql('update pools set paused = true where id = $1', [paused.poolId]);
    const emptied = await make.pool(pool, { desired: 30 });
    await store.sql('update pools set size_override = 0 where id = $1', [emptied.poolId]);
    const scheduled = await make.pool(pool, { desired: 0 });
    await store.sql(
      `update presets set timezone = 'UTC', schedules = '[{"cron": "* * * * *", "instances": 30}]'
       where id = $1`,
      [scheduled.presetId],
    );
    await store.sql('update presets set desired_instances = 30 where id = $1', [pool.presetId]);
    expect(await reconcile({ maxCreationsInFlight: 20 })).toEqual(['pool.created 10']);
  });

  it('is never exceeded by pools that are filled at once', async () => {
    const pools = [pool];
    for (let n = 0; n < 5; n++) pools.push(await make.pool(pool, { desired: 30 }));
    const second = { kit: store.kit, database: store.open() };
    const options = { maxCreationsInFlight: 20 };
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        pools.map(({ poolId }, n) => reconcileNow(n % 2 === 0 ? store : second, poolId, options)),
      );
    }
    const [row] = await store.sql<{ count: number }>(
      `select count(*)::int from pool_members m join pools p on p.id = m.pool_id
       where p.organization_id = $1`,
      [pool.organizationId],
    );
    expect(row!.count).toBe(20);
  });
});
