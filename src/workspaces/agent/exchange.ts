// A workspace's bootstrap token against a session: bound to one agent and the present owner's epoch.
import { AppError } from '../../base/app-error.ts';
import { createId, type AgentId, type AgentSessionId, type WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import { createToken } from '../../base/token.ts';
import {
  findAgentByName,
  findAgentOwners,
  handOverAgentSession,
  lockAgent,
  lockWorkspaceEpoch,
  replaceAgentSession,
} from '../../store/agent.ts';
import type { Database, Transaction } from '../../store/database.ts';
import { isUniqueViolation } from '../../store/sqlstate.ts';
import { ownershipOf, readOwnership, sessionReplaced, type Ownership } from './owner.ts';

export interface NewSession {
  /** Shown to the agent once. */
  readonly session: string;
  readonly epoch: number;
}

/** Ends the agent's former session and opens one. Throws AGENT_UNKNOWN. */
export async function exchangeBootstrapToken(
  kit: Kit,
  database: Database,
  agent: { readonly workspaceId: WorkspaceId; readonly name: string },
): Promise<NewSession> {
  const opened = await database.transaction(async (tx) => {
    const workspace = await lockWorkspaceEpoch.maybe(tx, agent);
    const found = workspace && (await findAgentByName.maybe(tx, agent));
    if (workspace === undefined || found === undefined) {
      throw new AppError(
        'AGENT_UNKNOWN',
        `workspace ${agent.workspaceId} has no agent named ${JSON.stringify(agent.name)}`,
      );
    }
    return openSession(kit, tx, { ...agent, agentId: found.id, epoch: workspace.epoch });
  });
  kit.log.info('agent.session_opened', { ...agent, epoch: opened.epoch });
  return opened;
}

/**
 * For an agent whose session ended by a claim while it was being served: tells the owner and opens the
 * session of the new epoch. Throws as `readOwnership` does: whoever holds a session that an exchange
 * has replaced gets neither.
 */
export async function handOverSession(
  kit: Kit,
  database: Database,
  agent: {
    readonly sessionId: AgentSessionId;
    readonly workspaceId: WorkspaceId;
    readonly agentId: AgentId;
  },
): Promise<Ownership & { readonly session: string }> {
  const { secret, hash } = createToken(kit.rng, 'sbs');
  const nextId = createId<AgentSessionId>(kit);
  const handOver = () => handOverAgentSession.maybe(database, { ...agent, nextId, nextHash: hash });
  // Of two requests with one session the later finds the first one's at its second try, and is handed nothing.
  const row = await handOver().catch((error: unknown) => {
    if (isUniqueViolation(error, 'agent_sessions_live_key')) return handOver();
    throw error;
  });
  if (row !== undefined) return { ...ownershipOf(row), session: secret };
  const findOwner = (sessionId: AgentSessionId) =>
    findAgentOwners.maybe(database, { sessionIds: [sessionId] });
  await readOwnership(findOwner, agent);
  throw sessionReplaced();
}

async function openSession(
  kit: Kit,
  tx: Transaction,
  bound: { readonly workspaceId: WorkspaceId; readonly agentId: AgentId; readonly epoch: number },
): Promise<NewSession> {
  const { secret, hash } = createToken(kit.rng, 'sbs');
  await lockAgent.run(tx, bound);
  await replaceAgentSession.run(tx, {
    id: createId(kit),
    agentId: bound.agentId,
    workspaceId: bound.workspaceId,
    epoch: bound.epoch,
    hash,
  });
  return { session: secret, epoch: bound.epoch };
}
