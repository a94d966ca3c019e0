// A workspace's bootstrap token against a session: bound to one agent and the present owner's epoch.
import { AppError } from '../../base/app-error.ts';
import { createId, type AgentId, type AgentSessionId, type WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import { createSessionToken } from '../../base/session-token.ts';
import { lockAgentByName, replaceSessions } from '../../store/agent-session.ts';
import type { AgentsTogether } from '../../store/agent-together.ts';
import type { Database } from '../../store/database.ts';
import { isUniqueViolation } from '../../store/sqlstate.ts';
import { ownershipOf, readOwnership, sessionReplaced, type Ownership } from './owner.ts';

export interface NewSession {
  /** Shown to the agent once. */
  readonly session: string;
  readonly epoch: number;
}

interface ExchangeDeps extends Kit {
  readonly database: Database;
  readonly agents: Pick<AgentsTogether, 'replaceSession'>;
}

/** Ends the agent's former session and opens one. Throws AGENT_UNKNOWN. */
export async function exchangeBootstrapToken(
  deps: ExchangeDeps,
  agent: { readonly workspaceId: WorkspaceId; readonly name: string },
): Promise<NewSession> {
  const { secret, hash } = createSessionToken(deps.rng, agent.workspaceId);
  const next = { ...agent, nextId: createId<AgentSessionId>(deps), nextHash: hash };
  const opened = await deps.agents.replaceSession(next).catch((error: unknown) => {
    if (!isUniqueViolation(error, 'agent_sessions_live_key')) throw error;
    // Another was opened meanwhile, which a statement does not see that has waited for it. The later one's is the live
    // one, so this one waits for its turn first.
    return deps.database.transaction(async (tx) => {
      await lockAgentByName.maybe(tx, agent);
      const [row] = await replaceSessions(tx, [next]);
      return row;
    });
  });
  if (opened === undefined) {
    throw new AppError(
      'AGENT_UNKNOWN',
      `workspace ${agent.workspaceId} has no agent named ${JSON.stringify(agent.name)}`,
    );
  }
  const { epoch } = opened;
  // Another was opened together with it, which this one ends.
  if (epoch === null) return exchangeBootstrapToken(deps, agent);
  deps.log.info('agent.session_opened', { ...agent, epoch });
  return { session: secret, epoch };
}

/** An agent by the session that it calls with. */
export interface CallingAgent {
  readonly sessionId: AgentSessionId;
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
}

/** Whom it works for, and the session that ends the one it called with. */
export type HandedOver = Ownership & { readonly session: string };

interface HandOverDeps extends Pick<Kit, 'clock' | 'rng'> {
  readonly agents: Pick<AgentsTogether, 'findOwner' | 'handOver'>;
}

/**
 * For an agent whose session ended by a claim while it was being served: tells the owner and opens the
 * session of the new epoch. Throws as `readOwnership` does: whoever holds a session that an exchange
 * has replaced gets neither.
 */
export async function handOverSession(
  deps: HandOverDeps,
  agent: CallingAgent,
): Promise<HandedOver> {
  const handedOver = await handOverIfClaimed(deps, agent);
  if (handedOver !== undefined) return handedOver;
  await readOwnership(deps.agents.findOwner, agent);
  throw sessionReplaced();
}

/** The same, or undefined where that session is not one which a claim has ended. */
export async function handOverIfClaimed(
  deps: HandOverDeps,
  { sessionId, agentId, workspaceId }: CallingAgent,
): Promise<HandedOver | undefined> {
  const { secret, hash } = createSessionToken(deps.rng, workspaceId);
  const next = { nextId: createId<AgentSessionId>(deps), nextHash: hash };
  const handOver = () => deps.agents.handOver({ sessionId, agentId, workspaceId, ...next });
  // Of two requests with one session the later finds the first one's at its second try, and is handed nothing.
  const row = await handOver().catch((error: unknown) => {
    if (isUniqueViolation(error, 'agent_sessions_live_key')) return handOver();
    throw error;
  });
  return row && { ...ownershipOf(row), session: secret };
}
