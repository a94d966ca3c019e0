// Who an agent works for, as the holder of its newest session is told.
import { AppError } from '../../base/app-error.ts';
import type { AgentSessionId, WorkspaceId } from '../../base/id.ts';
import type { AgentHeartbeatAnswer, AgentOwner } from '../../contract/agent/protocol.ts';
import type { AgentOwnerRow } from '../../store/agent.ts';

export interface Ownership {
  readonly epoch: number;
  /** Null while the workspace is the pool's. */
  readonly owner: AgentOwner;
  /** The newest epoch whose owner this agent has taken over. */
  readonly applied_epoch: number;
  /** Whether that went well. */
  readonly applied_ok: boolean;
  /** Whether the owner gave some. */
  readonly values: AgentHeartbeatAnswer['values'];
}

/** Throws AGENT_UNKNOWN when the workspace is gone, and UNAUTHENTICATED for a session that was replaced. */
export async function readOwnership(
  find: (sessionId: AgentSessionId) => Promise<AgentOwnerRow | undefined>,
  session: { readonly sessionId: AgentSessionId; readonly workspaceId: WorkspaceId },
): Promise<Ownership> {
  const { sessionId, workspaceId } = session;
  const row = await find(sessionId);
  if (row === undefined) {
    throw new AppError('AGENT_UNKNOWN', `workspace ${workspaceId} has been deleted`);
  }
  return ownershipOfNewest(row);
}

/** Throws UNAUTHENTICATED for a session that was replaced. */
export function ownershipOfNewest(row: AgentOwnerRow): Ownership {
  if (!row.isNewest) throw sessionReplaced();
  return ownershipOf(row);
}

const EXCHANGE = 'Exchange the bootstrap token for a new session.';

export function sessionNotLive(): AppError {
  return new AppError('UNAUTHENTICATED', {
    detail: "the token that was sent is not an agent's session, or the session has ended",
    hint: EXCHANGE,
  });
}

export function sessionReplaced(): AppError {
  return new AppError('UNAUTHENTICATED', {
    detail:
      'the session has ended: another was opened for this agent, or the workspace was stopped',
    hint: EXCHANGE,
  });
}

export function ownershipOf(row: AgentOwnerRow): Ownership {
  const owner = { id: row.ownerId, username: row.username, display_name: row.displayName };
  return {
    epoch: row.epoch,
    owner: row.isSystem ? null : owner,
    applied_epoch: row.appliedEpoch,
    applied_ok: row.appliedOk,
    values: row.values,
  };
}
