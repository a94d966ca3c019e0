// Proof at hand-over: whoever asked is told of a claim only once the agents of what was taken have answered it.
// An agent that died a moment ago looks alive until its next sign of life is overdue; this is how it is found out.
import { AppError } from '../base/app-error.ts';
import { failpoint } from '../base/failpoint.ts';
import { createId, type VersionId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { UNANSWERED } from '../domain/pool/member.ts';
import { confirmOne, type ConfirmArgs, type Confirmed } from '../store/claim-confirm.ts';
import {
  findClaimOutcome,
  lockTakenClaim,
  voidClaim,
  type TakenClaim,
} from '../store/claim-proof.ts';
import type { Database, Transaction } from '../store/database.ts';
import { takeBackVoided } from '../store/live-pool/member.ts';
import { waitFor, type LongPollOptions } from '../store/long-poll.ts';
import type { Notice } from '../store/notice.ts';
import { findLatestBuild, lockWorkspace } from '../store/workspace.ts';
import { refuseStart } from './change-workspace.ts';
import { beginPrebuildDelete } from './delete-prebuild.ts';
import type { Order, ProofOptions, ProveDeps } from './order.ts';
import { insertClaimBuild, needsBuild } from './take-workspace.ts';

/** A claim that agents have yet to answer. */
export interface UnprovenClaim {
  /** Undefined where who took it has died, and needed no build: nothing but the claim is known then. */
  readonly order: Order | undefined;
  readonly claim: TakenClaim;
  readonly versionId: VersionId;
  /** It was taken by somebody else, and nobody may have looked since. */
  readonly isResumed: boolean;
}

/**
 * As often as that another one is taken, for who asks now, or for those before them: agents that do not answer time after
 * time are a miss.
 */
export const MOST_RETAKEN = 2;
/** Agents that were told again and again and never answered live in a way that is of no use to anybody. */
const MOST_TIMEOUTS = 3;
/** How long an agent that lost its control plane waits before it calls again, at most. */
const LONGEST_BACK_OFF_MS = 5_000;

/**
 * `by another`: another request with the same idempotency key, which has waited for the same agents, was first. `void`:
 * agents were told and have not answered in time, and the claim is to be void, if it is not yet.
 */
type Proof = 'proven' | 'by another' | 'void';

export async function proveClaim(deps: ProveDeps, unproven: UnprovenClaim): Promise<Proof> {
  const { clock, meter } = deps;
  const startedMs = clock.monotonicMs();
  const look = createLook(deps, unproven);
  const settled =
    (await waitFor(
      deps,
      { wanted: about(unproven.claim), look },
      {
        ...longEnough(deps),
        // Under a crowd each look is in the way of the answers that it looks for.
        looksAtOnce: unproven.isResumed,
      },
    )) ?? 'void';
  if (settled === 'by another') return settled;
  meter.observe('claim_proof', clock.monotonicMs() - startedMs, { outcome: settled });
  if (settled !== 'answered') deps.log.warn(`claim.${LOGGED[settled]}`, { ...unproven.claim });
  if (settled === 'void') return settled;
  await failpoint('claim.proven');
  return 'proven';
}

const about = ({ workspaceId }: TakenClaim): Notice => ({ kind: 'workspace', workspaceId });

function longEnough({ proof }: Pick<ProveDeps, 'proof'>): LongPollOptions {
  return {
    pollMs: proof.pollMs,
    timeoutMs: longestProofMs(proof),
    // Whoever asked may be gone: what was taken for them is settled all the same.
    signal: new AbortController().signal,
  };
}

/** A claim that is open for longer is not looked at any more by who has taken it. */
export function longestProofMs({ timeoutMs }: Pick<ProofOptions, 'timeoutMs'>): number {
  return MOST_TIMEOUTS * timeoutMs + LONGEST_BACK_OFF_MS;
}

/** Until whoever took it has told what became of it; or long enough for that, if they are gone. */
export async function awaitSettled(deps: ProveDeps, claim: TakenClaim): Promise<void> {
  const look = async (): Promise<true | undefined> =>
    (await findClaimOutcome.one(deps.database, claim)).outcome === 'taken' ? undefined : true;
  await waitFor(deps, { wanted: about(claim), look }, longEnough(deps));
}

/** `unheard`: no agent is known to be dead, and not all could hear of the claim. */
type Settled = 'answered' | 'unheard' | Exclude<Proof, 'proven'>;
const LOGGED = { unheard: 'unheard', void: 'unanswered' } as const;

/** What one look after the other finds; undefined while agents may still answer. */
function createLook(deps: ProveDeps, unproven: UnprovenClaim): () => Promise<Settled | undefined> {
  const { clock, proof } = deps;
  const startedMs = clock.monotonicMs();
  let judgedFromMs = startedMs + proof.timeoutMs + (unproven.isResumed ? LONGEST_BACK_OFF_MS : 0);
  let calledAtMs: number | undefined;
  return async () => {
    const lookedMs = clock.monotonicMs();
    const found = await settle(deps, unproven, { isLate: lookedMs - startedMs >= proof.timeoutMs });
    if (typeof found !== 'object') return found;
    const nowMs = clock.monotonicMs();
    // The database was away, or this process: agents may have been, too, and need time to come back.
    if (nowMs - lookedMs > proof.timeoutMs) {
      judgedFromMs = nowMs + LONGEST_BACK_OFF_MS + proof.timeoutMs;
    }
    if (found.calledMs === null) return undefined;
    calledAtMs ??= nowMs - found.calledMs;
    return nowMs >= Math.max(calledAtMs + proof.timeoutMs, judgedFromMs) ? 'void' : undefined;
  };
}

/** An object: agents may still answer. */
async function settle(
  deps: ProveDeps,
  unproven: UnprovenClaim,
  { isLate }: { readonly isLate: boolean },
): Promise<Settled | { readonly calledMs: number | null }> {
  const { order, claim, versionId } = unproven;
  const confirmed = await confirm(deps, unproven, {
    ...{ ...claim, isLate, versionId, eventId: createId(deps) },
  });
  const { outcome, calledMs } = confirmed;
  if (outcome === 'taken') return { calledMs };
  if (outcome === 'void') return 'void';
  if (outcome !== 'confirmed' && outcome !== 'unheard') return 'by another';
  tellServed(deps, confirmed);
  // Another request may wait for the same claim.
  if (order?.request.idempotencyKey !== undefined) {
    deps.database.announce([about(claim)]);
  }
  return outcome === 'confirmed' ? 'answered' : 'unheard';
}

/**
 * With the build that hands it over, where one is needed. Throws why it may not be started any more, and nobody has
 * it then.
 */
async function confirm(
  deps: ProveDeps,
  { order, claim }: UnprovenClaim,
  asked: ConfirmArgs,
): Promise<Confirmed> {
  if (order === undefined || !needsBuild(order)) return deps.confirmTogether(asked);
  const confirmed = await deps.database.transaction(async (tx) => {
    const { workspaceId } = claim;
    // Whoever stops or starts it takes turns with this.
    const workspace = await lockWorkspace.maybe(tx, { id: workspaceId });
    const refusal = workspace && refuseStart(workspaceId, workspace);
    if (refusal !== undefined && (await voidUnanswered(deps, tx, claim))) return refusal;
    const settled = await confirmOne(tx, asked);
    const { buildNumber, isInUse, machineId } = settled;
    if (buildNumber !== null && isInUse === false) {
      await insertClaimBuild(deps, tx, { order, workspaceId, buildNumber, machineId });
    }
    return settled;
  });
  if (confirmed instanceof AppError) throw confirmed;
  return confirmed;
}

/** Where somebody has waited for what was confirmed just now: they hear of it, and the pool may go on with its line. */
export function tellServed(
  { database, meter }: Pick<Kit, 'meter'> & { readonly database: Database },
  { waiterId, waitedMs, poolId }: Pick<Confirmed, 'waiterId' | 'waitedMs' | 'poolId'>,
): void {
  if (waiterId === null || waitedMs === null) return;
  meter.observe('wait_duration', waitedMs);
  database.announce([
    { kind: 'waiter', waiterId },
    { kind: 'pool', poolId },
  ]);
}

/**
 * Takes what was taken back: the claim is void, the workspace the pool's to delete, and who has waited for it in
 * line again. False: the claim was settled otherwise, or somebody uses the workspace already.
 */
export async function voidUnanswered(
  kit: Kit,
  tx: Transaction,
  claim: TakenClaim,
): Promise<boolean> {
  const { workspaceId, epoch } = claim;
  if ((await lockTakenClaim.maybe(tx, { workspaceId, epoch })) === undefined) return false;
  const voided = await voidClaim.maybe(tx, { workspaceId, epoch, eventId: createId(kit) });
  if (voided === undefined) return false;
  const { poolId, waiterId } = voided;
  // Of several agents some may live, and serve whom it was taken from.
  tx.notify({ kind: 'owner', workspaceId });
  await takeBackVoided.run(tx, { workspaceId });
  // At once, also where the pool is paused: it holds what the owner gave, and its agent may yet come for nothing.
  await beginPrebuildDelete(kit, tx, {
    workspace: { id: workspaceId, ...(await lockWorkspace.one(tx, { id: workspaceId })) },
    latest: await findLatestBuild.one(tx, { workspaceId }),
    ...{ poolId, reason: UNANSWERED, details: {} },
  });
  if (waiterId !== null) {
    tx.notify({ kind: 'line', poolId }, { kind: 'pool', poolId }, { kind: 'waiter', waiterId });
  }
  return true;
}
