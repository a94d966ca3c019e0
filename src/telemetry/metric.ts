// Every metric there is: what it is called, what it means, and what its series differ by. The table in
// docs/metrics.md is made from this.
import type { Duration } from '../base/meter.ts';
import type { Counter } from '../store/counter.ts';

export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in seconds. */
  readonly buckets?: readonly number[];
}

const POOL = ['organization', 'template', 'preset'] as const;

/** From a claim of milliseconds to the half minute after which people go for a coffee. */
const ANSWERS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From a container that is there already to a cloud's slowest machine. */
const BUILDS = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600];

/** Counted in the database. */
const COUNTERS = {
  prebuilds_created: counter('Prebuilds that pools queued', POOL),
  prebuilds_failed: counter('Prebuilds whose first build failed, for whatever reason', POOL),
  prebuilds_claimed: counter('Prebuilds that were handed to people', POOL),
  claims_missed: counter('Requests that a pool could not serve, by the reason why', [
    ...POOL,
    'reason',
  ]),
  claims_voided: counter(
    'Prebuilds that were taken for people and deleted, since their agents did not answer in time, or who had waited left',
    POOL,
  ),
  resource_replacements: counter(
    'Claims whose build threw away resources of the prebuilt workspace',
    POOL,
  ),
  waits_ended: counter(
    'People who stood in line, by what became of it: served, canceled, timed_out, refused',
    [...POOL, 'outcome'],
  ),
  builds_enqueued: counter(
    'Builds of workspaces by whom they are for (claim, person, pool, or life where nobody asked), their reason, and whether they were queued or refused',
    ['kind', 'transition', 'reason', 'status'],
  ),
} as const satisfies Readonly<Record<Counter, MetricSpec>>;

/** Read from the pools as they are. */
const GAUGES = {
  prebuilds_desired: gauge('Prebuilds that the pool is to keep, by its size and schedules', POOL),
  prebuilds_target: gauge('Prebuilds that the pool keeps: desired, raised by who waits', POOL),
  prebuilds_running: gauge('Prebuilds that run and are not unhealthy', POOL),
  prebuilds_eligible: gauge('Prebuilds that can be claimed', POOL),
  prebuilds_starting: gauge('Prebuilds that are being built or wait for it', POOL),
  waiters: gauge('People who stand in line for a prebuild of the pool', POOL),
  preset_hard_limited: gauge('1 while failed builds in a row hold creation back', POOL),
  preset_validation_failed: gauge('1 while the parameters of the preset do not fit', POOL),
  metrics_last_updated_timestamp_seconds: gauge('When gauges and counters were last read', []),
  reconciliation_paused: gauge('1 while reconciliation is paused for everything', []),
} as const satisfies Readonly<Record<string, MetricSpec>>;

/** Measured by each process. */
const DURATIONS = {
  reconciliation_duration: histogram('Periodic passes over all pools', ANSWERS),
  claim_duration: histogram(
    'From a request to its answer with a prebuilt workspace, once for each claim',
    ANSWERS,
  ),
  claim_proof: histogram(
    'From taking a prebuild to the answer of its agents (answered), or to the end of the time they have for it (unheard, void)',
    ANSWERS,
    ['outcome'],
  ),
  claim_to_ready: histogram('From a claim to a workspace that its owner can use', [
    ...ANSWERS.slice(2),
    60,
    300,
  ]),
  prebuild_creation_duration: histogram('From queueing a prebuild to the end of its build', BUILDS),
  provisioner_job_queue_wait: histogram(
    'From queueing a job to a daemon taking it, by class: 1 claims, 2 people, 3 deletes of pools, 4 creations',
    [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800],
    ['class'],
  ),
  refill_reaction: histogram(
    'From something happening in a pool to the committed creation that answers it',
    ANSWERS,
  ),
  wait_duration: histogram('From standing in line to being given a prebuild', BUILDS),
} as const satisfies Readonly<Record<Duration, MetricSpec>>;

export type Gauge = keyof typeof GAUGES;

/** What `/metrics` serves, by its full name. */
export const METRICS: Readonly<Record<string, MetricSpec>> = {
  ...renamed(COUNTERS, metricOfCounter),
  ...renamed(GAUGES, metricOfGauge),
  ...renamed(DURATIONS, metricOfDuration),
};

export function metricOfCounter(name: string): string {
  return `standby_${name}_total`;
}

export function metricOfGauge(name: Gauge): string {
  return `standby_${name}`;
}

export function metricOfDuration(name: Duration): string {
  return `standby_${name}_seconds`;
}

function counter(help: string, labels: readonly string[]): MetricSpec {
  return { type: 'counter', help, labels };
}

function gauge(help: string, labels: readonly string[]): MetricSpec {
  return { type: 'gauge', help, labels };
}

function histogram(
  help: string,
  buckets: readonly number[],
  labels: readonly string[] = [],
): MetricSpec {
  return { type: 'histogram', help, labels, buckets };
}

function renamed<Name extends string>(
  specs: Readonly<Record<Name, MetricSpec>>,
  rename: (name: Name) => string,
): Readonly<Record<string, MetricSpec>> {
  return Object.fromEntries(
    Object.entries<MetricSpec>(specs).map(([name, spec]) => [rename(name as Name), spec]),
  );
}
