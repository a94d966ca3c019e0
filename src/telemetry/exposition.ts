// The metrics of one process, in the form that Prometheus reads. What cannot be registered is logged
// and left out: figures about the work must never keep the work from being done.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Log } from '../base/log.ts';
import type { Meter } from '../base/meter.ts';
import { METRICS, metricOfDuration, type MetricSpec } from './metric.ts';

export interface Series {
  /** The metric's full name. */
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly meter: Meter;
  register(log: Log): void;
  unregister(): void;
  /** Replaces all counters and gauges by these. */
  show(series: readonly Series[]): void;
  render(): Promise<string>;
}

/** Those of `registry` besides, where there are any. */
export function createExposition(registry = new Registry()): Exposition {
  const shown = new Map<string, Counter | Gauge>();
  const measured = new Map<string, Histogram>();

  const create = (name: string, { type, help, labels, buckets = [] }: MetricSpec): void => {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    switch (type) {
      case 'counter':
        shown.set(name, new Counter(options));
        break;
      case 'gauge':
        shown.set(name, new Gauge(options));
        break;
      case 'histogram':
        measured.set(name, new Histogram({ ...options, buckets: [...buckets] }));
        break;
    }
  };

  return {
    meter: {
      observe: (duration, ms, labels = {}) =>
        // A clock that was set back makes durations that were none.
        measured.get(metricOfDuration(duration))?.observe(labels, Math.max(ms, 0) / 1000),
    },
    register: (log) => {
      for (const [name, spec] of Object.entries(METRICS)) {
        try {
          create(name, spec);
        } catch (error) {
          log.error('metrics.not_registered', { metric: name, error });
        }
      }
    },
    unregister: () => {
      for (const name of [...shown.keys(), ...measured.keys()]) registry.removeSingleMetric(name);
      shown.clear();
      measured.clear();
    },
    show: (series) => {
      // In one turn, so that no scrape sees half of it.
      for (const metric of shown.values()) metric.reset();
      for (const { metric, labels, value } of series) shown.get(metric)?.inc(labels, value);
    },
    render: () => registry.metrics(),
  };
}
