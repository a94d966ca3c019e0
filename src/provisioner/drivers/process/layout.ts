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
  /** The address of the control plane, for agents; rewritten when it changes. */
  readonly url: string;
  readonly temporary: string;
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
    url: at('control-plane-url'),
    temporary: at('tmp'),
  };
}
