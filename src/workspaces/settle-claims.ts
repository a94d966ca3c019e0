// Claims that nobody waits for any more: their control plane died before the agents had answered, or who it was
// taken for has stopped waiting.
import { createId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { confirmOne, type ConfirmArgs, type Confirmed } from '../store/claim-confirm.ts';
import { findUnsettledClaims, type TakenClaim } from '../store/claim-proof.ts';
import type { RowOf } from '../store/column.ts';
import type { Database } from '../store/database.ts';
import { tellServed, voidUnanswered } from './prove-claim.ts';

type Deps = Kit & { readonly database: Database };

/** What one look leaves, the next takes. */
const LIMIT = 200;

/**
 * Settles claims of which nobody was told, because the control plane that took for them died: hits where the
 * agents have answered meanwhile, or somebody has found and used what was taken, and void where an agent has
 * been silent for its own time-out. Others stay open until one or the other is so.
 */
export async function settleUnanswered(
  kit: Deps,
  { afterMs, signal }: { readonly afterMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { database, log } = kit;
  for (const found of await findUnsettledClaims.all(database, { afterMs, limit: LIMIT })) {
    if (signal.aborted) return;
    try {
      await settleOne(kit, found);
    } catch (error) {
      // What keeps this one from being settled has nothing to do with those behind it.
      log.error('claim.not_settled', { workspaceId: found.workspaceId, error });
    }
  }
}

async function settleOne(
  kit: Deps,
  { versionId, needsBuild, isSilent, ...claim }: RowOf<typeof findUnsettledClaims.columns>,
): Promise<void> {
  const { log } = kit;
  const asked = { ...claim, versionId, isLate: false, eventId: createId(kit) };
  // What was asked for and is still to be built was known to the request alone.
  if (!needsBuild) {
    const outcome = await confirm(kit, asked);
    if (outcome !== 'taken') log.info('claim.settled', { ...claim, outcome });
    if (outcome !== 'taken' || !isSilent) return;
  }
  if (await takeBack(kit, { ...claim, versionId })) log.warn('claim.voided', claim);
}

/** False: it was settled otherwise, or is a hit now, for its owner has found it and uses it. */
export async function takeBack(
  kit: Deps,
  { versionId, ...claim }: TakenClaim & Pick<ConfirmArgs, 'versionId'>,
): Promise<boolean> {
  if (await kit.database.transaction((tx) => voidUnanswered(kit, tx, claim))) return true;
  await confirm(kit, { ...claim, versionId, isLate: false, eventId: createId(kit) });
  return false;
}

async function confirm(kit: Deps, asked: ConfirmArgs): Promise<Confirmed['outcome']> {
  const confirmed = await confirmOne(kit.database, asked);
  tellServed(kit, confirmed);
  return confirmed.outcome;
}
