// Who an agent works for, as it is told.
import type { WorkspaceId } from '../../base/id.ts';
import type { AgentOwner } from '../../contract/agent/protocol.ts';
import { findAgentOwner } from '../../store/agent.ts';
import type { Executor } from '../../store/statement.ts';

export interface Ownership {
  readonly epoch: number;
  /** Null while the workspace is the pool's. */
  readonly owner: AgentOwner;
}

/** Undefined when the workspace is gone. */
export async function findOwnership(
  on: Executor,
  workspaceId: WorkspaceId,
): Promise<Ownership | undefined> {
  const row = await findAgentOwner.maybe(on, { workspaceId });
  if (row === undefined) return undefined;
  const owner = { id: row.ownerId, username: row.username, display_name: row.displayName };
  return { epoch: row.epoch, owner: row.isSystem ? null : owner };
}
