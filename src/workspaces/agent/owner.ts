// Who an agent works for, as the holder of its newest session is told.
import { AppError } from '../../base/app-error.ts';
import type { AgentSessionId, WorkspaceId } from '../../base/id.ts';
import type { AgentHeartbeatAnswer, AgentOwner } from '../../contract/agent/protocol.ts';
import { findAgentOwner } from '../../store/agent.ts';
import type { Executor } from '../../store/statement.ts';

export interface Ownership {
  readonly epoch: number;
  /** Null while the workspace is the pool's. */
  readonly owner: AgentOwner;
  /** Whether the owner gave some. */
  readonly values: AgentHeartbeatAnswer['values'];
}

/** Throws AGENT_UNKNOWN when the workspace is gone, and UNAUTHENTICATED for a session that was replaced. */
export async function readOwnership(
  on: Executor,
  session: { readonly sessionId: AgentSessionId; readonly workspaceId: WorkspaceId },
): Promise<Ownership> {
  const { sessionId, workspaceId } = session;
  const row = await findAgentOwner.maybe(on, { sessionId, workspaceId });
  if (row === undefined) {
    throw new AppError('AGENT_UNKNOWN', `workspace ${workspaceId} has been deleted`);
  }
  if (!row.isNewest) {
    throw new AppError('UNAUTHENTICATED', {
      detail:
        'the session has ended: another was opened for this agent, or the workspace was stopped',
      hint: 'Exchange the bootstrap token for a new session.',
    });
  }
  const owner = { id: row.ownerId, username: row.username, display_name: row.displayName };
  return { epoch: row.epoch, owner: row.isSystem ? null : owner, values: row.values };
}
