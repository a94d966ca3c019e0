// What the log says about pools: plans at debug, changes at info, and what is withheld as a warning
// when it changes, not with every turn.
import type { PoolId } from '../base/id.ts';
import type { Log } from '../base/log.ts';
import type { FailedOrganization, PassResult } from './pass.ts';
import type { PoolOutcome, WithheldCreation } from './reconcile-pool.ts';

export interface OutcomeLog {
  write(poolId: PoolId, outcome: PoolOutcome, elapsedMs: number): void;
  writePass(result: PassResult): void;
}

export function createOutcomeLog(log: Log): OutcomeLog {
  const withheld = new Map<PoolId, string>();
  let reported = '';

  const writeWithheld = (poolId: PoolId, now: readonly WithheldCreation[]): void => {
    // Counts move all the time; that something is held back, and why, does not.
    const said = now.map(({ preset, reason }) => `${preset} ${reason}`).join();
    if (said === (withheld.get(poolId) ?? '')) return;
    if (said === '') {
      withheld.delete(poolId);
      log.info('pool.released', { pool: poolId });
      return;
    }
    withheld.set(poolId, said);
    log.warn('pool.withheld', { pool: poolId, withheld: now });
  };

  return {
    write: (poolId, outcome, elapsedMs) => {
      if (outcome.kind !== 'reconciled') {
        log.debug('pool.left_alone', { pool: poolId, because: outcome.kind });
        return;
      }
      const { organizationId, decision, done, errors } = outcome;
      log.debug('pool.planned', {
        pool: poolId,
        organization: organizationId,
        elapsed_ms: elapsedMs,
        presets: decision.presets.map(({ preset, plan }) => ({ preset: preset.id, ...plan })),
      });
      for (const { event, level, fields } of done) {
        log[level](event, { pool: poolId, organization: organizationId, ...fields });
      }
      for (const error of errors) {
        log.error('pool.action_failed', { pool: poolId, organization: organizationId, error });
      }
      writeWithheld(poolId, outcome.withheld);
    },
    writePass: (result) => {
      if (result.kind !== 'completed') {
        log.debug('pass.ended', { ...result });
        return;
      }
      const { hardLimited, validationFailed } = result;
      const failedOrganizations = result.failedOrganizations.map(tellFailed);
      log.debug('pass.ended', { ...result, failedOrganizations });
      const report = { hardLimited, validationFailed, failedOrganizations };
      const said = JSON.stringify(report);
      const troubled = Object.values(report).some((ones) => ones.length > 0);
      if (troubled && said !== reported) log.warn('pass.troubled', report);
      reported = said;
    },
  };
}

/** Without where it happened, which was told when it did: the same trouble is to read the same. */
function tellFailed({ organization, error }: FailedOrganization): {
  readonly organization: string;
  readonly reason: string;
} {
  return { organization, reason: error instanceof Error ? error.message : String(error) };
}
