// What the log says about pools: plans at debug, changes at info, and what is withheld as a warning
// when it changes, not with every turn.
import type { PoolId } from '../base/id.ts';
import type { Log } from '../base/log.ts';
import type { PassResult } from './pass.ts';
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
      log.debug('pass.ended', { ...result });
      if (result.kind !== 'completed') return;
      const { hardLimited, validationFailed, failedOrganizations } = result;
      const report = { hardLimited, validationFailed, failedOrganizations };
      const said = JSON.stringify(report);
      const troubled = Object.values(report).some((ids) => ids.length > 0);
      if (troubled && said !== reported) log.warn('pass.troubled', report);
      reported = said;
    },
  };
}
