// The agents that a workspace of a manifest will have.
import { createId, type AgentId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Manifest } from '../contract/manifest/schema.ts';
import type { NewAgent } from '../store/build.ts';

/** The name under which the daemon's repeated ready check is kept. */
export const READY_CHECK_AGENT = 'ready';

/**
 * One agent for each in the manifest; without any, one that stands for the ready check; and none
 * for a template that has neither, which is ready when its build has succeeded.
 */
export function planAgents(
  kit: Pick<Kit, 'clock' | 'rng'>,
  workspaceId: WorkspaceId,
  manifest: Manifest,
): readonly NewAgent[] {
  const timeoutSeconds = Math.max(1, Math.ceil(manifest.agent_timeout_seconds));
  const planned = (name: string, kind: NewAgent['kind']): NewAgent => ({
    id: createId<AgentId>(kit),
    workspaceId,
    name,
    kind,
    timeoutSeconds,
  });
  if (manifest.agents.length > 0)
    return manifest.agents.map(({ name }) => planned(name, 'program'));
  return manifest.ready === null ? [] : [planned(READY_CHECK_AGENT, 'check')];
}
