// An agent's sign of life, whose answer waits for a change of owner.
import type { WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { AGENT_LIFECYCLES } from '../../contract/agent/protocol.ts';
import type { AgentHeartbeatAnswer } from '../../contract/agent/protocol.ts';
import type { AgentsTogether } from '../../store/agent-together.ts';
import type { Database } from '../../store/database.ts';
import { recordUse } from '../../store/life.ts';
import { lockMembers, markClaimForgotten } from '../../store/live-pool/member.ts';
import { refreshLocked } from '../../store/live-pool/readiness.ts';
import { lockOwnerValues, removeDeliveredValues } from '../../store/owner-values.ts';
import { waitFor } from '../../store/long-poll.ts';
import type { Notice } from '../../store/notice.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import type { Wanted } from '../../store/notice-subscribers.ts';
import {
  findCompletedClaim,
  lockClaimOfSign,
  recordSignOfLife,
  type SignOfLife,
} from '../../store/sign-of-life.ts';
import { handOverIfClaimed, handOverSession, type CallingAgent } from './exchange.ts';
import { ownershipOfNewest, readOwnership, sessionNotLive, type Ownership } from './owner.ts';

export interface HeartbeatDeps extends Kit {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly agents: Pick<AgentsTogether, 'findOwner' | 'handOver' | 'hear' | 'recordSignOfLife'>;
}

/** What may be the session of one of the workspace's agents. */
export interface ShownSession {
  /** Of the token, in hexadecimal. */
  readonly hash: string;
  readonly workspaceId: WorkspaceId;
}

/** Who beats. */
export interface BeatingAgent extends CallingAgent {
  /** The epoch its session is bound to. */
  readonly epoch: number;
}

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
  /** Told who it is, as soon as that is known. */
  readonly onFound?: (agent: BeatingAgent) => void;
}

/** PostgreSQL counts no further. Whoever names a later one knows, as whoever names it, of an owner who is not known here. */
const LAST_EPOCH = 2 ** 31 - 1;

/** Throws UNAUTHENTICATED when the session is not live, and what `readOwnership` does. */
export async function serveHeartbeat(
  deps: HeartbeatDeps,
  session: ShownSession,
  beat: Heartbeat,
): Promise<AgentHeartbeatAnswer> {
  const wanted: Wanted = { kind: 'owner', workspaceId: session.workspaceId };
  // Before the agent is heard, and until its wait listens: what becomes of the workspace meanwhile may not be found.
  let isMissed = false;
  const unsubscribe = deps.bus.subscribe(wanted, () => (isMissed = true));
  try {
    const heard = await hearAgent(deps, session, beat);
    return await answerAgent(deps, beat, { ...heard, wanted, isMissed });
  } finally {
    unsubscribe();
  }
}

interface HeardAgent {
  readonly agent: BeatingAgent;
  readonly ownership: Ownership;
}

/** Once there is an owner whom it does not know, or when it has waited long enough. */
async function answerAgent(
  deps: HeartbeatDeps,
  { knownEpoch, signal, waitMs, pollMs }: Heartbeat,
  {
    agent,
    ownership,
    wanted,
    isMissed,
  }: HeardAgent & { readonly wanted: Wanted; readonly isMissed: boolean },
): Promise<AgentHeartbeatAnswer> {
  const { agents } = deps;
  let seen = ownership;
  const answer = (latest: Ownership): Promise<AgentHeartbeatAnswer> | AgentHeartbeatAnswer =>
    latest.epoch === agent.epoch
      ? { ...latest, session: null }
      : // A claim ended the session that this very request was made with.
        handOverSession(deps, agent);
  if (seen.epoch > knownEpoch) return answer(seen);
  const found = await waitFor(
    deps,
    {
      wanted,
      look: async (isHeard) => {
        // Mostly it has been claimed then.
        const handedOver = isHeard ? await handOverIfClaimed(deps, agent) : undefined;
        if (handedOver !== undefined) return handedOver;
        seen = await readOwnership(agents.findOwner, agent);
        return seen.epoch > knownEpoch ? answer(seen) : undefined;
      },
    },
    // The agent calls again when the time is over. Should it have been claimed unheard, that call exchanges and looks.
    { signal, timeoutMs: waitMs, pollMs, looksAtOnce: isMissed, looksAtEnd: false },
  );
  // A wait that was cut short may have looked a while ago.
  return found ?? answer(signal.aborted ? await readOwnership(agents.findOwner, agent) : seen);
}

/** Stores that the agent lives, and what it says. Throws what `serveHeartbeat` does. */
async function hearAgent(
  deps: HeartbeatDeps,
  { hash }: ShownSession,
  beat: Heartbeat,
): Promise<HeardAgent> {
  const { agents, database } = deps;
  const { lifecycle } = beat;
  const appliedEpoch = Math.min(beat.appliedEpoch, LAST_EPOCH);
  const newestEpoch = Math.max(appliedEpoch, Math.min(beat.knownEpoch, LAST_EPOCH));
  const heard = await agents.hear({ hash, lifecycle, appliedEpoch, newestEpoch });
  if (heard === undefined) throw sessionNotLive();
  const ownership = ownershipOfNewest(heard);
  const { agentId, workspaceId, sessionId, epoch } = heard;
  const agent = { agentId, workspaceId, sessionId, epoch };
  beat.onFound?.(agent);
  if (newestEpoch > epoch) await retireForgotten(deps, agent);
  if (beat.used === true) await recordUse.run(database, { id: workspaceId });
  if (heard.isRenewed) {
    // Until it has taken its owner over, somebody may wait for its answer to the claim.
    if (appliedEpoch < epoch) database.announce([{ kind: 'workspace', workspaceId }]);
    return { agent, ownership };
  }
  const applied = await storeSignOfLife(deps, workspaceId, {
    ...{ agentId, lifecycle },
    // It cannot have taken over an owner who does not exist.
    appliedEpoch: Math.min(appliedEpoch, epoch),
    appliedOk: beat.appliedOk ?? true,
  });
  return {
    agent,
    ownership: applied
      ? { ...ownership, applied_epoch: applied.appliedEpoch, applied_ok: applied.appliedOk }
      : await readOwnership(agents.findOwner, agent),
  };
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

/** Gives whom it has taken over, as far as nothing else that it is told has changed by that. */
async function storeSignOfLife(
  { database, meter, agents }: HeartbeatDeps,
  workspaceId: WorkspaceId,
  sign: SignOfLife,
): Promise<Pick<SignOfLife, 'appliedEpoch' | 'appliedOk'> | undefined> {
  const recorded = await agents.recordSignOfLife(sign);
  if (recorded !== undefined) {
    const said: Notice = { kind: 'workspace', workspaceId };
    const { poolId } = recorded;
    const kind = sign.lifecycle === 'ready' ? 'progress' : 'pool';
    database.announce(poolId === null ? [said] : [said, { kind, poolId }]);
  }
  const { completedMs } = recorded ?? (await recordInTurn(database, workspaceId, sign));
  if (completedMs !== null) meter.observe('claim_to_ready', completedMs);
  return recorded;
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
      lockClaimOfSign.later(tx, { workspaceId, appliedEpoch: sign.appliedEpoch });
      isOwned = (await lockOwnerValues.all(tx, { workspaceId })).length > 0;
      completedMs = (await findCompletedClaim.maybe(tx, sign))?.ms ?? null;
    }
    recordSignOfLife.later(tx, sign);
    if (isOwned) removeDeliveredValues.later(tx, { workspaceId });
    if (members.length > 0) await refreshLocked(tx, [workspaceId]);
    tx.notify({ kind: 'workspace', workspaceId });
    return { completedMs };
  });
}
