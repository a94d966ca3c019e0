// What lies where in a workspace's folder.
import path from 'node:path';

export interface WorkspaceLayout {
  readonly folder: string;
  /** The template's files: where its programs run. */
  readonly files: string;
  readonly record: string;
  /** What the supervisor has to run. */
  readonly plan: string;
  /** Which processes it runs now. */
  readonly children: string;
  readonly output: string;
  readonly agentOutput: string;
  readonly supervisorLog: string;
  readonly agentToken: string;
  /** What agents are told: a folder, since a sandbox would go on showing a file that was replaced. */
  readonly told: string;
  /** The address of the control plane; rewritten when it changes. */
  readonly url: string;
  readonly temporary: string;
}

/** What an agent remembers, and the output of its scripts. */
export function agentFolder({ folder }: Pick<WorkspaceLayout, 'folder'>, name: string): string {
  return path.join(folder, `agent-${name}`);
}

export function layoutOf(folder: string): WorkspaceLayout {
  const at = (name: string): string => path.join(folder, name);
  return {
    folder,
    files: at('files'),
    record: at('record.json'),
    plan: at('plan.json'),
    children: at('children.json'),
    output: at('output.log'),
    agentOutput: at('agent.log'),
    supervisorLog: at('supervisor.log'),
    agentToken: at('agent-token'),
    told: at('told'),
    url: at('told/control-plane-url'),
    temporary: at('tmp'),
  };
}
