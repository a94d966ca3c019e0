// What it takes to work at a workspace.
import type { Kit } from '../../../base/kit.ts';
import type { DockerSettings } from '../../../contract/manifest/schema.ts';
import type { AttemptName, Build, DriverContext } from '../../driver.ts';
import type { AgentPrograms, Agents } from './agent.ts';
import type { AgentRuntimes } from './agent-runtime.ts';
import type { Engine } from './engine/engine.ts';
import type { Images } from './image.ts';

export interface WorkspaceDeps {
  readonly kit: Kit;
  readonly engine: Engine;
  readonly images: Images;
  readonly agents: Agents;
  readonly agentRuntimes: AgentRuntimes;
  /**
   * By workspace: the last attempt of this life that started it. Labels cannot say so, for they never
   * change; and nobody is told to undo an attempt of a former life once another one was given out.
   */
  readonly starts: Map<string, AttemptName>;
  /** The daemon, as labels name it. */
  identify(): Promise<string>;
  /** At which address of the engine's machine ports are published. */
  readonly publishAddress: string;
  readonly agentPrograms: AgentPrograms;
}

export interface Given {
  readonly build: Build;
  readonly settings: DockerSettings;
  readonly context: DriverContext;
}
