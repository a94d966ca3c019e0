// The agents that a workspace of a template will have.

export interface PlannedAgent {
  readonly name: string;
  /** program: it runs in the workspace; check: the daemon repeats the template's ready check. */
  readonly kind: 'program' | 'check';
  readonly timeoutSeconds: number;
}

/** What of a manifest decides about agents. */
interface AgentPlan {
  readonly agents: readonly { readonly name: string }[];
  readonly ready: unknown;
  readonly agent_timeout_seconds: number;
}

/** The name under which the daemon's repeated ready check is kept. */
const READY_CHECK_AGENT = 'ready';

/**
 * One agent for each in the manifest; without any, one that stands for the ready check; and none
 * for a template that has neither, which is ready when its build has succeeded.
 */
export function planAgents(manifest: AgentPlan): readonly PlannedAgent[] {
  const timeoutSeconds = Math.max(1, Math.ceil(manifest.agent_timeout_seconds));
  if (manifest.agents.length > 0) {
    return manifest.agents.map(({ name }) => ({ name, kind: 'program', timeoutSeconds }));
  }
  return manifest.ready === null
    ? []
    : [{ name: READY_CHECK_AGENT, kind: 'check', timeoutSeconds }];
}
