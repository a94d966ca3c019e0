// The reconciler's settings. Durations are milliseconds; tests run them at a hundredth.

export interface ReconcilerOptions {
  /** Between two periodic passes; 0 or less means five minutes. */
  readonly intervalMs: number;
  /** Pools that this replica reconciles at once; 0 derives it from the database's connections. */
  readonly concurrency: number;
  readonly backoffIntervalMs: number;
  readonly backoffLookbackMs: number;
  /** 0 turns the limit off. */
  readonly failureHardLimit: number;
  readonly hardLimitCooldownMs: number;
  /** The longest that failed starts are kept, whatever templates ask for; 0: no limit. */
  readonly failedRetentionMs: number;
  /** How many failed starts a pool keeps; 0: any number. */
  readonly failedKept: number;
  /** Creations under way per organization; null: ten per slot of its daemons. */
  readonly maxCreationsInFlight: number | null;
  /** How often somebody looks for silent agents; unless he did lately, silence is not judged. */
  readonly sweepIntervalMs: number;
  readonly leaseTtlMs: number;
  /** For a database that belongs to this process alone: see lease.ts. */
  readonly takeLeaseAtOnce: boolean;
}

/** What the decision about a pool needs of them. */
export type DecisionOptions = Pick<
  ReconcilerOptions,
  | 'backoffIntervalMs'
  | 'backoffLookbackMs'
  | 'failureHardLimit'
  | 'hardLimitCooldownMs'
  | 'failedRetentionMs'
  | 'failedKept'
  | 'sweepIntervalMs'
>;
