// What a workspace's supervisor has to run: the template's command and its agents.
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import type { Build } from '../../driver.ts';
import { COMMON_VARIABLES, inheritEnvironment, type Environment } from '../../tool/environment.ts';
import { parameterVariables } from '../../tool/parameter-variables.ts';
import { agentFolder, type WorkspaceLayout } from './layout.ts';
import { MARK } from './processes.ts';
import type { EnterSandbox } from './sandbox/sandbox.ts';
import type { Plan, Program } from './supervisor/plan.ts';

export interface PlanOptions {
  readonly layout: WorkspaceLayout;
  readonly port: number;
  /** The bundled agent program. */
  readonly agentProgram: string;
  readonly enterSandbox: EnterSandbox;
  /** Of the daemon; only what is listed below goes on. */
  readonly environment: Environment;
}

export function planWorkspace(build: Build, options: PlanOptions): Plan {
  const { manifest } = build.template;
  const { layout, enterSandbox } = options;
  const own = [layout.files, layout.temporary];
  if (manifest.process === null) {
    throw new AppError('BUILD_FAILED', 'the manifest has no settings for the process driver');
  }
  const shared = sharedEnvironment(build, options);
  const base = { cwd: layout.files, within: [], seen: null, input: null, filter: null };
  const command: Program = {
    ...base,
    name: 'command',
    argv: [...manifest.process.command],
    environment: { ...shared, ...manifest.process.environment, [MARK]: layout.folder },
    output: layout.output,
  };
  const agents = manifest.agents.map(({ name }): Program => {
    const stateDir = agentFolder(layout, name);
    const agent: Program = {
      ...base,
      name: `agent ${name}`,
      argv: [process.execPath, options.agentProgram],
      environment: {
        ...shared,
        STANDBY_URL_FILE: layout.url,
        // Only the agent is told where the token is.
        STANDBY_AGENT_TOKEN_FILE: layout.agentToken,
        STANDBY_AGENT_NAME: name,
        STANDBY_AGENT_SCRIPT_DIR: layout.files,
        STANDBY_AGENT_STATE_DIR: stateDir,
      },
      output: layout.agentOutput,
    };
    return enterSandbox(agent, {
      readable: [options.agentProgram, layout.agentToken, layout.told],
      writable: [...own, stateDir],
    });
  });
  const { limits } = manifest.process;
  const programs = [enterSandbox(command, { readable: [], writable: own }), ...agents];
  return { programs, limits, children: layout.children };
}

/** The PATH of a workspace's programs: a template may count on the Node.js that the daemon runs on. */
export function searchPath(environment: PlanOptions['environment']): string {
  const inherited = environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  return `${inherited}:${path.dirname(process.execPath)}`;
}

function sharedEnvironment(
  { workspace }: Build,
  { layout, port, environment }: PlanOptions,
): Record<string, string> {
  const given: Record<string, string> = {
    ...inheritEnvironment(environment, COMMON_VARIABLES),
    ...parameterVariables(workspace.parameters),
  };
  return {
    ...given,
    PATH: searchPath(environment),
    HOME: layout.files,
    TMPDIR: layout.temporary,
    PORT: String(port),
    STANDBY_PORT: String(port),
    STANDBY_WORKSPACE_ID: workspace.id,
    STANDBY_WORKSPACE_NAME: workspace.name,
    STANDBY_ORGANIZATION: workspace.organization,
    [MARK]: layout.folder,
  };
}
