// What `/metrics` shows of the database: read at the start and every minute into a cache, so that a
// scrape asks nothing, however often it comes and whatever state the database is in.
import { isAborted, OVER } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';
import type { Meter } from '../base/meter.ts';
import { createService, type Service } from '../base/service.ts';
import type { PoolFigures } from '../domain/pool/figures.ts';
import { addUpCounters, readCounters } from '../store/counter.ts';
import type { Database } from '../store/database.ts';
import { createExposition, type Exposition, type Series } from './exposition.ts';
import { metricOfCounter, metricOfGauge, type Gauge } from './metric.ts';

export interface Metrics extends Service {
  /** Takes durations from now on. */
  readonly meter: Meter;
  /** Reads everything now. Throws what the database throws, and when it takes too long. */
  refresh(): Promise<void>;
  /** What a scrape is answered with; asks nothing. */
  render(): Promise<string>;
}

export interface MetricsDeps extends Omit<Kit, 'meter'> {
  readonly database: Database;
  readonly readPools: () => Promise<PoolFigures>;
  readonly exposition?: Exposition;
}

export interface MetricsOptions {
  readonly intervalMs: number;
  /** What takes longer is given up: the time of the last update then tells. */
  readonly deadlineMs: number;
}

const DEFAULTS: MetricsOptions = { intervalMs: 60_000, deadlineMs: 10_000 };

export function createMetrics(
  { database, clock, readPools, exposition = createExposition(), ...kit }: MetricsDeps,
  { intervalMs, deadlineMs }: MetricsOptions = DEFAULTS,
): Metrics {
  const log = kit.log.child({ component: 'metrics' });

  let stopped = new AbortController().signal;

  const read = async (): Promise<readonly Series[]> => {
    await addUpCounters(database);
    const pools = await readPools();
    const counters = await readCounters.all(database, {});
    return [
      ...seriesOfPools(pools),
      ...counters.map(({ counter, organization, template, preset, labels, total }) => ({
        metric: metricOfCounter(counter),
        labels: { ...labels, ...present({ organization, template, preset }) },
        value: total,
      })),
    ];
  };

  const update = async (): Promise<void> => {
    const timer = new AbortController();
    // A database that does not answer must not hold up a stop either.
    const until = AbortSignal.any([timer.signal, stopped]);
    const late = clock.sleep(deadlineMs, until).then((): never => {
      throw new Error(`the figures could not be read within ${deadlineMs / 1000} s`);
    });
    late.catch(() => undefined); // aborted below, once the reading has won
    try {
      exposition.show(await Promise.race([read(), late]));
    } finally {
      timer.abort(OVER);
    }
  };

  // One after the other: an older reading never follows a newer one, so that counters never fall.
  let former: Promise<void> = Promise.resolve();
  const refresh = (): Promise<void> => {
    former = former.then(update, update);
    return former;
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await refresh().catch((error: unknown) => {
        if (!isAborted(signal)) log.warn('metrics.not_updated', { error });
      });
      await clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  };

  const service = createService(clock, {
    name: 'metrics',
    start: async (scope) => {
      stopped = scope.signal;
      exposition.register(log);
      scope.background(run(scope.signal));
    },
    stop: async () => exposition.unregister(),
  });
  return { ...service, meter: exposition.meter, refresh, render: () => exposition.render() };
}

function seriesOfPools({ at, paused, pools }: PoolFigures): readonly Series[] {
  const series = (gauge: Gauge, value: number, labels: Series['labels'] = {}): Series => ({
    metric: metricOfGauge(gauge),
    labels,
    value,
  });
  return [
    series('metrics_last_updated_timestamp_seconds', at / 1000),
    series('reconciliation_paused', paused ? 1 : 0),
    ...pools.flatMap(({ organization, template, preset, ...pool }) => {
      const labels = { organization, template, preset };
      return [
        series('prebuilds_desired', pool.desired, labels),
        series('prebuilds_target', pool.target, labels),
        series('prebuilds_running', pool.running, labels),
        series('prebuilds_eligible', pool.eligible, labels),
        series('prebuilds_starting', pool.starting, labels),
        series('waiters', pool.waiting, labels),
        ...(pool.hardLimited ? [series('preset_hard_limited', 1, labels)] : []),
        ...(pool.validationFailed ? [series('preset_validation_failed', 1, labels)] : []),
      ];
    }),
  ];
}

function present(
  labels: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}
