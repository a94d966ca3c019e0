// Storing what the brakes were decided to be, before anything else is done about the pool.
import type { PoolDecision } from '../../domain/pool/decide-pool.ts';
import { failJudgedBuild, storeBrakes } from '../../store/pool-brakes.ts';
import { storePresetStatus } from '../../store/preset.ts';
import { tell, type Acting, type Done } from './acting.ts';

/** Whether there is anything to store: mostly there is not, and then nobody asks the database. */
export function changesBrakes({ brakes, turnedBad, revalidate }: PoolDecision): boolean {
  return brakes?.changed === true || turnedBad.length > 0 || revalidate !== null;
}

export async function applyBrakes(
  acting: Acting,
  { brakes: decided, turnedBad, revalidate }: PoolDecision,
): Promise<readonly Done[]> {
  const { tx, pool } = acting;
  const poolId = pool.id;
  for (const { workspaceId, completedAt } of turnedBad) {
    failJudgedBuild.later(tx, { poolId, workspaceId, completedAt });
  }
  if (revalidate !== null) {
    await storePresetStatus.one(tx, { presetId: revalidate, validationError: null });
  }
  if (decided?.changed !== true) return [];
  const { brakes, event } = decided;
  storeBrakes.later(tx, {
    poolId,
    presetId: brakes.presetId,
    judgedSince: brakes.judgedSince,
    limitedAt: brakes.limit?.since ?? null,
    trialAt: brakes.limit?.trialAt ?? null,
    cooldownMs: brakes.limit?.cooldownMs ?? null,
    trialWorkspaceId: brakes.limit?.trialWorkspaceId ?? null,
  });
  if (event === null) return [];
  tell(acting, [{ kind: event, workspaceId: null }]);
  const fields = { happened: event, trial_at: brakes.limit?.trialAt ?? null };
  return [{ event: 'pool.brakes_changed', level: 'info', count: 0, fields }];
}
