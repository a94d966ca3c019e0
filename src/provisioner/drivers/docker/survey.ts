// What the engine has of a daemon's workspaces.
import { isUuid } from '../../../base/id.ts';
import type { Container, Engine, Labels, Volume } from './engine/engine.ts';
import {
  DAEMON_LABEL,
  isNamedContainer,
  isNamedVolume,
  markOf,
  phaseOf,
  WORKSPACE_LABEL,
  type Mark,
} from './mark.ts';

/** All that there is of one workspace. */
export interface Found {
  readonly mark: Mark;
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

/** By workspace: of the whole daemon, or of one workspace of it. */
export async function survey(
  engine: Engine,
  daemon: string,
  workspaceId?: string,
): Promise<ReadonlyMap<string, Found>> {
  const labels: Labels = {
    [DAEMON_LABEL]: daemon,
    ...(workspaceId === undefined ? {} : { [WORKSPACE_LABEL]: workspaceId }),
  };
  const found = new Map<string, { mark: Mark; containers: Container[]; volumes: Volume[] }>();
  const groupOf = (one: Container | Volume): { containers: Container[]; volumes: Volume[] } => {
    const mark = markOf(one);
    const group = found.get(mark.workspaceId) ?? { mark, containers: [], volumes: [] };
    // Labels may be anybody's: what has no id of a workspace is none of ours.
    if (isUuid(mark.workspaceId)) found.set(mark.workspaceId, group);
    return group;
  };
  const [volumes, containers] = await Promise.all([
    engine.listVolumes(labels),
    engine.listContainers(labels),
  ]);
  for (const one of volumes) if (isNamedVolume(one)) groupOf(one).volumes.push(one);
  for (const one of containers) if (isNamedContainer(one)) groupOf(one).containers.push(one);
  return found;
}

/** The one that should run. */
export function runningOf({ containers }: Found): Container | undefined {
  return containers.find((one) => phaseOf(one) === 'running');
}

export function stoppedOf({ containers }: Found): Container | undefined {
  return containers.find((one) => phaseOf(one) === 'stopped');
}

/** Half made ones. */
export function startingOf({ containers }: Found): readonly Container[] {
  return containers.filter((one) => phaseOf(one) === 'starting');
}

/** It runs, or the engine starts it again. One that somebody has paused does nothing for anybody. */
export function isAlive({ state }: Container): boolean {
  return state === 'running' || state === 'restarting';
}

/** There is something in it to end. */
export function hasProcesses(container: Container): boolean {
  return isAlive(container) || container.state === 'paused';
}
