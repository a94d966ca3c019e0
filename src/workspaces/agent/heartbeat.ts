// An agent's sign of life, whose answer waits for a change of owner.
import type { WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { AGENT_LIFECYCLES } from '../../contract/agent/protocol.ts';
import type { AgentHeartbeatAnswer } from '../../contract/agent/protocol.ts';
import type { AgentSessionRow } from '../../store/agent.ts';
import type { AgentsTogether } from '../../store/agent-together.ts';
import type { Database } from '../../store/database.ts';
import { recordUse } from '../../store/life.ts';
import { lockMembers, markClaimForgotten } from '../../store/live-pool/member.ts';
import { refreshLocked } from '../../store/live-pool/readiness.ts';
import { lockOwnerValues, removeDeliveredValues } from '../../store/owner-values.ts';
import { waitFor } from '../../store/long-poll.ts';
import type { Notice } from '../../store/notice.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import {
  findCompletedClaim,
  lockClaimOfSign,
  recordSignOfLife,
  type SignOfLife,
} from '../../store/sign-of-life.ts';
import { handOverSession } from './exchange.ts';
import { ownershipOfNewest, readOwnership, type Ownership } from './owner.ts';

export interface HeartbeatDeps extends Kit {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly agents: Pick<AgentsTogether, 'findOwner' | 'renewSignOfLife' | 'recordSignOfLife'>;
}

/** Who beats: an agent with the epoch its session is bound to, and what it said last. */
export type BeatingAgent = Omit<AgentSessionRow, 'hash'>;

export interface Heartbeat {
  readonly lifecycle: (typeof AGENT_LIFECYCLES)[number];
  readonly appliedEpoch: number;
  /** Whether that went well. */
  readonly appliedOk?: boolean;
  readonly knownEpoch: number;
  /** Somebody has used the workspace. */
  readonly used?: boolean;
  readonly waitMs: number;
  /** How often to look at the owner should a notice be lost. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

export async function serveHeartbeat(
  deps: HeartbeatDeps,
  agent: BeatingAgent,
  beat: Heartbeat,
): Promise<AgentHeartbeatAnswer> {
  if (Math.max(beat.appliedEpoch, beat.knownEpoch) > agent.epoch)
    await retireForgotten(deps, agent);
  if (beat.used === true) await recordUse.run(deps.database, { id: agent.workspaceId });
  const sign: SignOfLife = {
    agentId: agent.agentId,
    lifecycle: beat.lifecycle,
    // It cannot have taken over an owner who does not exist.
    appliedEpoch: Math.min(beat.appliedEpoch, agent.epoch),
    appliedOk: beat.appliedOk ?? true,
  };
  let isStored = false;
  let seen = undefined as Ownership | undefined;
  const found = await waitFor(
    deps,
    {
      wanted: { kind: 'owner', workspaceId: agent.workspaceId },
      look: async () => {
        seen = isStored ? undefined : await storeSignOfLife(deps, agent, sign);
        isStored = true;
        seen ??= await readOwnership(deps.agents.findOwner, agent);
        return seen.epoch > beat.knownEpoch ? seen : undefined;
      },
    },
    // The agent calls again when the time is over. Should it have been claimed unheard, that call exchanges and looks.
    {
      ...{ signal: beat.signal, timeoutMs: beat.waitMs, pollMs: beat.pollMs },
      looksAtEnd: false,
    },
  );
  // A wait that was cut short may have looked a while ago.
  const latest = found ?? (beat.signal.aborted ? undefined : seen);
  const ownership = latest ?? (await readOwnership(deps.agents.findOwner, agent));
  if (ownership.epoch === agent.epoch) return { ...ownership, session: null };
  // A claim ended the session that this very request was made with.
  return handOverSession(deps, deps.database, agent);
}

/**
 * The agent has served an owner whom the database does not know: it was put back from a backup of
 * before the claim. What somebody has used must not be handed to anybody else; its pool replaces it, and takes it for a failed build.
 */
async function retireForgotten(
  { database, log }: HeartbeatDeps,
  { workspaceId, agentId }: BeatingAgent,
): Promise<void> {
  await database.transaction(async (tx) => {
    await lockMembers.all(tx, { workspaceIds: [workspaceId] });
    for (const { poolId } of await markClaimForgotten.all(tx, { workspaceId })) {
      log.critical('workspace.claim_forgotten', { workspaceId, agentId, poolId });
      tx.notify({ kind: 'workspace', workspaceId }, { kind: 'pool', poolId });
    }
  });
}

/** Gives whom it works for, unless it says something new. Throws what `readOwnership` does. */
async function storeSignOfLife(
  { database, meter, agents }: HeartbeatDeps,
  { sessionId, workspaceId, epoch, ...saidLast }: BeatingAgent,
  sign: SignOfLife,
): Promise<Ownership | undefined> {
  const said: Notice = { kind: 'workspace', workspaceId };
  const isNew = sign.lifecycle !== saidLast.lifecycle || sign.appliedEpoch > saidLast.appliedEpoch;
  const renewed = isNew ? undefined : await agents.renewSignOfLife({ ...sign, sessionId });
  if (renewed !== undefined) {
    // Until it has taken its owner over, somebody may wait for its answer to the claim.
    if (sign.appliedEpoch < epoch) database.announce([said]);
    return ownershipOfNewest(renewed);
  }
  const recorded = await agents.recordSignOfLife(sign);
  if (recorded !== undefined) {
    const { poolId } = recorded;
    database.announce(poolId === null ? [said] : [said, { kind: 'pool', poolId }]);
  }
  const { completedMs } = recorded ?? (await recordInTurn(database, workspaceId, sign));
  if (completedMs !== null) meter.observe('claim_to_ready', completedMs);
  return undefined;
}

/** One after the other with those of whom one has to see what the other says. */
async function recordInTurn(
  database: Database,
  workspaceId: WorkspaceId,
  sign: SignOfLife,
): Promise<{ readonly completedMs: number | null }> {
  return database.transaction(async (tx) => {
    const members = await lockMembers.all(tx, { workspaceIds: [workspaceId] });
    let completedMs: number | null = null;
    let isOwned = false;
    if (sign.appliedEpoch > 0) {
      await lockClaimOfSign.run(tx, { workspaceId, appliedEpoch: sign.appliedEpoch });
      isOwned = (await lockOwnerValues.all(tx, { workspaceId })).length > 0;
      completedMs = (await findCompletedClaim.maybe(tx, sign))?.ms ?? null;
    }
    await recordSignOfLife.run(tx, sign);
    if (isOwned) await removeDeliveredValues.run(tx, { workspaceId });
    if (members.length > 0) await refreshLocked(tx, [workspaceId]);
    tx.notify({ kind: 'workspace', workspaceId });
    return { completedMs };
  });
}
