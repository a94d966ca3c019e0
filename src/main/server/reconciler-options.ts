// The reconciler's settings, from the configuration.
import type { Config } from '../../config/config.ts';
import type { ReconcilerOptions } from '../../reconciler/options.ts';

export function reconcilerOptions(
  config: Config,
  { alone }: { readonly alone: boolean },
): ReconcilerOptions {
  return {
    intervalMs: config.reconciliationInterval,
    concurrency: config.reconciliationConcurrency,
    backoffIntervalMs: config.reconciliationBackoffInterval,
    backoffLookbackMs: config.reconciliationBackoffLookback,
    failureHardLimit: config.failureHardLimit,
    hardLimitCooldownMs: config.hardLimitCooldown,
    failedRetentionMs: config.failedRetention,
    failedKept: config.failedKept,
    maxCreationsInFlight: config.maxPrebuildCreationsInFlight || null,
    sweepIntervalMs: config.sweepInterval,
    leaseTtlMs: config.leaseTtl,
    takeLeaseAtOnce: alone,
  };
}
