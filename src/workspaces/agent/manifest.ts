// What an agent has to run, from the manifest of the version it was built with.
import { AppError } from '../../base/app-error.ts';
import type { AgentId, WorkspaceId } from '../../base/id.ts';
import type { AgentManifest } from '../../contract/agent/protocol.ts';
import { manifestSchema } from '../../contract/manifest/schema.ts';
import { findAgentManifest } from '../../store/agent.ts';
import type { Executor } from '../../store/statement.ts';

/** Throws AGENT_UNKNOWN when the version no longer lists the agent. */
export async function readAgentManifest(
  on: Executor,
  agent: { readonly agentId: AgentId; readonly workspaceId: WorkspaceId },
  options: { readonly heartbeatIntervalMs: number },
): Promise<AgentManifest> {
  const row = await findAgentManifest.maybe(on, { agentId: agent.agentId });
  const manifest = row && manifestSchema.parse(row.manifest);
  const found = manifest?.agents.find(({ name }) => name === row?.name);
  if (found === undefined) {
    throw new AppError(
      'AGENT_UNKNOWN',
      `the version of workspace ${agent.workspaceId} lists no agent ${row?.name ?? agent.agentId}`,
    );
  }
  return {
    agent: found.name,
    workspace_id: agent.workspaceId,
    startup: found.startup,
    on_claim: found.on_claim,
    startup_timeout_ms: found.startup_timeout_seconds * 1000,
    on_claim_timeout_ms: found.on_claim_timeout_seconds * 1000,
    heartbeat_interval_ms: options.heartbeatIntervalMs,
  };
}
