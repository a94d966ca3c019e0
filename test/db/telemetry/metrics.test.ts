import { Gauge, Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetricsHandlers } from '../../../src/api/metrics.ts';
import { createApi } from '../../../src/api/http/api.ts';
import { createToken } from '../../../src/base/token.ts';
import type { UserId } from '../../../src/base/id.ts';
import { createMetricsAuthenticator } from '../../../src/people/authenticate.ts';
import { readPoolFigures } from '../../../src/reconciler/pool-figures.ts';
import type { Database } from '../../../src/store/database.ts';
import { createExposition } from '../../../src/telemetry/exposition.ts';
import { METRICS } from '../../../src/telemetry/metric.ts';
import { createMetrics, type Metrics, type MetricsDeps } from '../../../src/telemetry/metrics.ts';
import { createBuilder, FAILED } from '../../support/builder.ts';
import { claimOne } from '../../support/claim.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { reconcileNow, RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let make: Factory;
let pool: TestPool;
let userId: UserId;
let started: Metrics[];
beforeEach(async () => {
  store = await openTestStore();
  make = createFactory(store);
  started = [];
  const organizationId = await make.organization('acme');
  userId = await make.user({ organizationId });
  pool = await make.pool(await make.template({ organizationId }), { name: 'small', desired: 2 });
});
afterEach(async () => {
  for (const metrics of started) await metrics.stop('the test is over', 5_000);
  await store.close();
});

/** One replica's, started and up to date. */
async function start(
  database = store.database,
  given: Partial<MetricsDeps> = {},
): Promise<Metrics> {
  const readPools: MetricsDeps['readPools'] = () => readPoolFigures(database, RECONCILER_OPTIONS);
  const metrics = createMetrics({ ...store.kit, database, readPools, ...given });
  started.push(metrics);
  await metrics.start();
  await metrics.refresh();
  return metrics;
}

/** The series that a scrape shows, without the time. */
async function scrape(metrics: Metrics): Promise<Readonly<Record<string, number>>> {
  const lines = (await metrics.render()).split('\n').filter((line) => /^[a-z]/.test(line));
  const entries = lines.map((line) => {
    const at = line.lastIndexOf(' ');
    return [line.slice(0, at), Number(line.slice(at + 1))] as const;
  });
  const series = Object.fromEntries(entries);
  expect(Object.keys(series).length, 'a series stands there twice').toBe(entries.length);
  expect(series['standby_metrics_last_updated_timestamp_seconds']).toBeGreaterThan(1e9);
  delete series['standby_metrics_last_updated_timestamp_seconds'];
  return series;
}

const of = (name: string, more = ''): string =>
  `standby_${name}{${more}organization="acme",template="${pool.name}",preset="small"}`;

describe('the gauges', () => {
  it('say how the pools are, by names', async () => {
    await reconcileNow(store, pool.poolId);
    const builder = createBuilder(store);
    const [first] = await builder.take({ limit: 1 });
    await builder.finish(first!.jobId, { outcome: 'succeeded', outputs: {} });
    expect(await scrape(await start())).toMatchObject({
      [of('prebuilds_desired')]: 2,
      [of('prebuilds_target')]: 2,
      [of('prebuilds_running')]: 1,
      [of('prebuilds_eligible')]: 1,
      [of('prebuilds_starting')]: 1,
      [of('waiters')]: 0,
      standby_reconciliation_paused: 0,
    });
  });

  it('show a limit while there is one, of the active version only', async () => {
    const metrics = await start();
    const limited = async (): Promise<number | undefined> => {
      await metrics.refresh();
      return (await scrape(metrics))[of('preset_hard_limited')];
    };
    expect(await limited()).toBeUndefined();
    for (let round = 0; round < 3; round++) {
      await reconcileNow(store, pool.poolId, { backoffIntervalMs: 0 });
      await createBuilder(store).buildAll(FAILED);
    }
    expect(await limited()).toBe(1);
    const { versionId } = await make.version(pool, { active: true });
    await make.pool({ ...pool, versionId }, { name: 'small' });
    expect(await limited()).toBeUndefined();
  });

  it('show presets whose parameters do not fit, and that everything is paused', async () => {
    await store.sql(`update presets set status = 'validation_failed', validation_error = 'no'`);
    await store.sql(`insert into settings values ('prebuilds', '{"reconciliation_paused": true}')`);
    expect(await scrape(await start())).toMatchObject({
      [of('preset_validation_failed')]: 1,
      standby_reconciliation_paused: 1,
    });
  });

  it('have no series for a deleted template, and one when it was made again', async () => {
    const { organizationId } = pool;
    await reconcileNow(store, pool.poolId);
    const metrics = await start();
    await store.sql('update templates set deleted_at = standby_now()');
    await metrics.refresh();
    expect(Object.keys(await scrape(metrics)).filter((key) => key.includes(pool.name))).toEqual([]);
    const again = await make.template({ organizationId });
    await store.sql('update templates set name = $2 where id = $1', [again.templateId, pool.name]);
    await make.pool(again, { name: 'small', desired: 7 });
    await metrics.refresh();
    expect(await scrape(metrics)).toMatchObject({
      [of('prebuilds_desired')]: 7,
      [of('prebuilds_created_total')]: 2,
    });
  });
});

describe('the counters', () => {
  it('are the same on two replicas, one of which was just started', async () => {
    const one = await start();
    await reconcileNow(store, pool.poolId);
    const builder = createBuilder(store);
    await builder.buildAll();
    await claimOne(store.database, store.kit, { pool, userId, name: 'mine' });
    await reconcileNow(store, pool.poolId);
    await builder.buildAll(FAILED);
    await one.refresh();
    const two = await start(store.open());
    expect(await scrape(two)).toEqual(await scrape(one));
    expect(await scrape(two)).toMatchObject({
      [of('prebuilds_created_total')]: 3,
      [of('prebuilds_claimed_total')]: 1,
      [of('prebuilds_failed_total')]: 1,
      'standby_builds_enqueued_total{kind="claim",reason="claim",status="queued",transition="start"}': 1,
    });
  });

  it('never fall: readings follow one another, so that an older one is not shown last', async () => {
    const told: string[] = [];
    const metrics = await start(store.database, {
      readPools: async () => {
        told.push('begins');
        const figures = await readPoolFigures(store.database, RECONCILER_OPTIONS);
        told.push('ends');
        return figures;
      },
    });
    told.length = 0;
    await Promise.all([metrics.refresh(), metrics.refresh(), metrics.refresh()]);
    expect(told.join(' ')).toBe('begins ends begins ends begins ends');
  });
});

describe('a scrape', () => {
  it('asks the database for nothing', async () => {
    await reconcileNow(store, pool.poolId);
    let asked = 0;
    const database: Database = {
      ...store.database,
      query: (query) => {
        asked += 1;
        return store.database.query(query);
      },
      transaction: (work, options) => {
        asked += 1;
        return store.database.transaction(work, options);
      },
    };
    const metrics = await start(database);
    const { secret: metricsToken } = createToken(store.kit.rng, 'sbm');
    const nobody = (): Promise<undefined> => Promise.resolve(undefined);
    const { app } = createApi(store.kit, {
      handlers: createMetricsHandlers(metrics),
      authenticators: {
        ...{ person: nobody, provisioner: nobody, agent_bootstrap: nobody, agent: nobody },
        metrics: createMetricsAuthenticator({ metricsToken, findPerson: nobody }),
      },
      eventStreams: { maxPerCaller: 1 },
    });
    const before = asked;
    expect(before).toBeGreaterThan(0);
    const answer = await app.request('/metrics', {
      headers: { authorization: `Bearer ${metricsToken}` },
    });
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain(of('prebuilds_desired'));
    expect(asked).toBe(before);
    expect((await app.request('/metrics')).status).toBe(401);
  });

  it('shows every metric with its type and its meaning, and labels by its table only', async () => {
    await reconcileNow(store, pool.poolId);
    const metrics = await start();
    metrics.meter.observe('claim_duration', 12);
    metrics.meter.observe('provisioner_job_queue_wait', 12, { class: '4' });
    const text = await metrics.render();
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    }
    expect(text.match(/^# TYPE /gm)?.length).toBe(Object.keys(METRICS).length);
    for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
      const spec = METRICS[name] ?? METRICS[name.replace(/_(bucket|sum|count)$/, '')];
      const given = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label);
      expect(given.filter((label) => label !== 'le').sort(), name).toEqual(
        [...spec!.labels].sort(),
      );
    }
    expect(text).toContain('standby_claim_duration_seconds_bucket{le="0.025"} 1');
  });

  it('has as many series as there are pools, whatever their history', async () => {
    await make.pool(pool, { name: 'large' });
    await reconcileNow(store, pool.poolId);
    const metrics = await start();
    const count = async (): Promise<number> => {
      await metrics.refresh();
      const series = Object.keys(await scrape(metrics));
      return series.filter((name) => name.startsWith('standby_prebuilds_desired')).length;
    };
    expect(await count()).toBe(2);
    for (let push = 0; push < 3; push++) {
      const { versionId } = await make.version(pool, { active: true });
      await make.pool({ ...pool, versionId }, { name: 'small' });
      await reconcileNow(store, pool.poolId);
    }
    // Only the one that the active version has.
    expect(await count()).toBe(1);
  });
});

describe('what goes wrong', () => {
  it('in registering stops no start, and leaves the others', async () => {
    const registry = new Registry();
    const taken = { name: 'standby_prebuilds_desired', help: 'taken', registers: [registry] };
    new Gauge(taken).set(42);
    const metrics = await start(store.database, { exposition: createExposition(registry) });
    expect(await metrics.render()).toContain('standby_prebuilds_desired 42');
    expect(await metrics.render()).toContain(of('prebuilds_target'));
    await metrics.stop('test', 5_000);
    expect((await metrics.render()).match(/^standby_\w+/gm)).toEqual(['standby_prebuilds_desired']);
  });

  it('in reading leaves what was read before, and says so by its time', async () => {
    const metrics = await start();
    const before = await metrics.render();
    await store.sql(`insert into settings values ('prebuilds', '"broken"')`);
    await expect(metrics.refresh()).rejects.toMatchObject({ code: 'SETTINGS_UNREADABLE' });
    expect(await metrics.render()).toBe(before);
  });

  it('takes no longer than ten seconds', async () => {
    const clock = createManualClock();
    const metrics = createMetrics({
      ...store.kit,
      clock,
      database: store.database,
      readPools: () => new Promise(() => undefined),
    });
    const refreshed = metrics.refresh().catch((error: unknown) => String(error));
    await expect.poll(() => clock.sleeping()).toBe(1);
    await clock.advance(10_000);
    expect(await refreshed).toContain('within 10 s');
  });
});
