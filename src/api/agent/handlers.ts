// Handlers of the routes an agent calls, and what its two kinds of token mean.
import type { BootstrapTokens } from '../../base/bootstrap-token.ts';
import { workspaceOfSession } from '../../base/session-token.ts';
import { hashToken } from '../../base/token.ts';
import type { agentRoutes } from '../../contract/agent/route.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { AgentsTogether } from '../../store/agent-together.ts';
import { exchangeBootstrapToken } from '../../workspaces/agent/exchange.ts';
import {
  serveHeartbeat,
  type BeatingAgent,
  type HeartbeatDeps,
} from '../../workspaces/agent/heartbeat.ts';
import { createLostLines } from '../../workspaces/agent/lost-lines.ts';
import { readAgentManifest } from '../../workspaces/agent/manifest.ts';
import { sessionNotLive } from '../../workspaces/agent/owner.ts';
import { readAgentValues } from '../../workspaces/agent/values.ts';
import { CallerGone } from '../http/live-request.ts';
import type { AgentBootstrapCaller, AgentCaller, Handlers } from '../handler.ts';

export interface AgentApiOptions {
  readonly heartbeatIntervalMs: number;
  readonly pollMs: number;
  readonly readShellAgent: () => Promise<string>;
}

export function createAgentHandlers(
  deps: HeartbeatDeps & { readonly agents: AgentsTogether; readonly keyring: Keyring },
  options: AgentApiOptions,
): Handlers<keyof typeof agentRoutes> {
  const { database, agents } = deps;
  const lostLines = createLostLines(deps);
  const holderOf = async ({ hash }: AgentCaller): Promise<BeatingAgent> => {
    const session = await agents.findSession(hash);
    if (session === undefined) throw sessionNotLive();
    return session;
  };
  return {
    getShellAgent: async () => ({ status: 200, body: await options.readShellAgent() }),
    exchangeAgentToken: async ({ caller, body }) => {
      const agent = { workspaceId: caller.workspaceId, name: body.agent };
      return { status: 200, body: await exchangeBootstrapToken(deps, agent) };
    },
    getAgentManifest: async ({ caller }) => ({
      status: 200,
      body: await readAgentManifest(database, await holderOf(caller), options),
    }),
    getAgentValues: async ({ caller }) => ({
      status: 200,
      body: await readAgentValues(deps, await holderOf(caller)),
    }),
    heartbeatAgent: async ({ caller, body, signal }) => {
      let agent = undefined as BeatingAgent | undefined;
      const answer = await serveHeartbeat(deps, caller, {
        lifecycle: body.lifecycle,
        appliedEpoch: body.applied_epoch,
        appliedOk: body.applied_ok,
        knownEpoch: body.known_epoch,
        used: body.used,
        // Agents that came together, as after a restart, do not stay in step.
        waitMs:
          Math.min(body.wait_ms, options.heartbeatIntervalMs) * (0.75 + 0.25 * deps.rng.next()),
        pollMs: options.pollMs,
        signal,
        onFound: (found) => {
          agent = found;
          lostLines.forget(found.agentId);
        },
      });
      if (agent !== undefined && signal.reason instanceof CallerGone) lostLines.keep(agent);
      return { status: 200, body: answer };
    },
  };
}

export interface AgentAuthentication {
  authenticateAgentBootstrap(token: string): Promise<AgentBootstrapCaller | undefined>;
  authenticateAgent(token: string): Promise<AgentCaller | undefined>;
}

export function createAgentAuthentication(
  deps: Pick<AgentsTogether, 'findSession'> & { readonly bootstrapTokens: BootstrapTokens },
): AgentAuthentication {
  return {
    authenticateAgentBootstrap: (token) => {
      const workspaceId = deps.bootstrapTokens.verify(token);
      return Promise.resolve(workspaceId && { workspaceId });
    },
    authenticateAgent: async (token) => {
      const hash = hashToken(token).toString('hex');
      const workspaceId = workspaceOfSession(token) ?? (await deps.findSession(hash))?.workspaceId;
      return workspaceId && { hash, workspaceId };
    },
  };
}
