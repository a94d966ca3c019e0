// What a workspace does, in words.
import type { WorkspaceView } from '../contract/workspace/schema.ts';

/** `starting`, `running: agent main is starting`, `failed: no space left`. */
export function describeState(workspace: WorkspaceView): string {
  const { status, usable, agents, latest_build: build } = workspace;
  if (build.error !== null) return `${status}: ${build.error}`;
  if (workspace.dormant_at !== null && status === 'stopped') return 'stopped: dormant';
  if (status !== 'running' || usable) return status;
  const late = agents.filter(({ lifecycle }) => lifecycle !== 'ready');
  if (late.length === 0) return 'running: taking over its owner';
  const waits = late.map(({ name, kind, lifecycle }) =>
    kind === 'check' ? 'its ready check has not passed yet' : `agent ${name} is ${lifecycle}`,
  );
  return `running: ${waits.join(', ')}`;
}
