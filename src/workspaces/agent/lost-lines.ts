// Agents that hung up while they waited, and have not called again. Where one is claimed it is called all the
// same: if it died nobody takes the call, and that is how its claim becomes void.
import { AppError } from '../../base/app-error.ts';
import type { AgentId } from '../../base/id.ts';
import { handOverSession } from './exchange.ts';
import type { BeatingAgent, HeartbeatDeps } from './heartbeat.ts';
import { readOwnership } from './owner.ts';

/** Of one control plane. */
export interface LostLines {
  keep(agent: BeatingAgent): void;
  /** The agent calls again. */
  forget(agentId: AgentId): void;
}

/** Whoever hung up here may wait at another control plane by now, which hands over what a call there waits for. */
const OTHERS_FIRST_MS = 100;

export function createLostLines(deps: HeartbeatDeps): LostLines {
  const { agents, bus, clock, log } = deps;
  const lines = new Map<AgentId, { readonly end: () => void }>();

  const forget = (agentId: AgentId): void => {
    lines.get(agentId)?.end();
    lines.delete(agentId);
  };

  const callIfClaimed = async (agent: BeatingAgent): Promise<void> => {
    const { epoch } = await readOwnership(agents.findOwner, agent);
    if (epoch === agent.epoch) return;
    await clock.sleep(OTHERS_FIRST_MS);
    if (!lines.has(agent.agentId)) return;
    forget(agent.agentId);
    await handOverSession(deps, agent);
  };

  const keep = (agent: BeatingAgent): void => {
    const { agentId, workspaceId } = agent;
    forget(agentId);
    const look = (): void => {
      callIfClaimed(agent).catch((error: unknown) => {
        // The workspace is gone, or the agent has a newer session: either way it waits here no more.
        if (error instanceof AppError) forget(agentId);
        else log.warn('agent.lost_line_failed', { workspaceId, agentId, error });
      });
    };
    // Of whatever changes: a line that is lost for good ends with its workspace.
    const end = bus.subscribe({ kind: 'workspace', workspaceId }, look);
    lines.set(agentId, { end });
    // It may have been claimed between its last look and this moment.
    look();
  };

  return { keep, forget };
}
