// Makes the container of a workspace and has it run, in the place of a former one if there is one.
import { allEnded } from '../../../base/all-ended.ts';
import { AppError } from '../../../base/app-error.ts';
import { failpoint } from '../../../base/failpoint.ts';
import type { DockerSettings } from '../../../contract/manifest/schema.ts';
import { hasAgents, packAgent } from './agent.ts';
import { outsideOf, portLost, portsOf, retire } from './container.ts';
import { isRefused, type Container, type Engine } from './engine/engine.ts';
import type { UsedImage } from './image.ts';
import {
  containerLabels,
  containerName,
  DAEMON_LABEL,
  labelsOf,
  markOf,
  volumeName,
  type AgentRuntime,
  type Mark,
} from './mark.ts';
import { describeContainer, planContainer, volumesOf } from './plan-container.ts';
import { drawPorts, isPortTaken } from './port.ts';
import type { Given, WorkspaceDeps } from './work.ts';

export interface Place {
  readonly mark: Mark;
  /** It is the first one of the workspace, of which all goes when that fails. */
  readonly isFirst: boolean;
  /** It is there, retired, until the new one runs. */
  readonly former: Container | undefined;
}

/** What its labels tell, and it has the last of it. */
export type Running = Pick<Container, 'id' | 'labels'>;

const PORT_DRAWS = 20;

/** When it throws, something half made may be there. */
export async function makeContainer(
  deps: WorkspaceDeps,
  given: Given,
  { mark, isFirst, former }: Place,
): Promise<Running> {
  const { build, context, settings } = given;
  const { engine } = deps;
  const wanted = { settings, template: build.template };
  const container = await deps.images.use(wanted, context, async (image) => {
    const runtime = hasAgents(build) ? await findRuntime(deps, given, image) : 'node';
    context.signal.throwIfAborted();
    const [taken] = await allEnded([portsInUse(deps, settings), makeVolumes(deps, given, mark)]);
    await failpoint('docker.start.volumes_made');
    return makeRunning(deps, given, { mark, isFirst, image, runtime, former, taken });
  });
  if (!isFirst) await nameRunning(engine, container, mark);
  await checkLife(engine, container);
  await failpoint('docker.start.named');
  if (former !== undefined) await engine.removeContainer(former.id);
  return container;
}

async function findRuntime(
  { agentRuntimes }: WorkspaceDeps,
  { context, settings }: Given,
  image: UsedImage,
): Promise<AgentRuntime> {
  await image.provide();
  const place = { image: image.name, path: settings.environment['PATH'] };
  return agentRuntimes.of(place, context.signal);
}

async function makeVolumes(
  deps: WorkspaceDeps,
  { build, settings }: Given,
  mark: Mark,
): Promise<void> {
  for (const name of Object.keys(volumesOf(build, settings))) await makeVolume(deps, mark, name);
}

interface Wanted extends Place {
  readonly image: UsedImage;
  readonly runtime: AgentRuntime;
  /** The ports that are in use. */
  readonly taken: Set<number>;
}

async function makeRunning(
  deps: WorkspaceDeps,
  { build, context, settings }: Given,
  { mark, isFirst, image, runtime, former, taken }: Wanted,
): Promise<Running> {
  const { engine, kit, publishAddress } = deps;
  // To rename one costs a write of the engine's: not where nobody keeps what a killed daemon leaves.
  // Elsewhere, one that had its last name already would run on beside a failed build.
  const name = containerName(mark.workspaceId, isFirst ? 'running' : 'starting');
  const kept = former === undefined ? new Map<number, number>() : portsOf(former);
  const agent = hasAgents(build)
    ? await packAgent(deps.agentPrograms, runtime, await context.templateFolder())
    : undefined;
  const create = async (): Promise<Running> => {
    const ports = drawPorts(kit.rng, settings.ports, { kept, taken });
    const own = describeContainer(build, settings, { ports, runtime });
    const plan = planContainer(build, { mark, own, settings, image: image.name, publishAddress });
    return { id: await engine.createContainer(name, plan), labels: containerLabels(mark, own) };
  };
  for (let draws = 1; ; draws++) {
    const container = await create().catch(async (error: unknown) => {
      // Nearly always the image is there, so that nobody asks before.
      if (!isRefused(error, 404)) throw error;
      await image.provide();
      // That may have taken minutes, in which others have drawn theirs.
      for (const port of await portsInUse(deps, settings)) taken.add(port);
      return create();
    });
    await failpoint('docker.start.created');
    if (agent !== undefined) await engine.putFiles(container.id, agent);
    context.signal.throwIfAborted();
    if (former !== undefined) await retire(engine, former);
    try {
      await engine.startContainer(container.id);
      await failpoint('docker.start.started');
      await deps.agents.ensure(container);
      context.signal.throwIfAborted();
      return container;
    } catch (error) {
      if (!isPortTaken(error)) throw error;
      if (former !== undefined) throw portLost(error, former);
      if (draws === PORT_DRAWS) throw error;
      await engine.removeContainer(container.id);
    }
  }
}

/** It has taken the place of the former one. */
async function nameRunning(engine: Engine, { id }: Running, { workspaceId }: Mark): Promise<void> {
  try {
    await engine.renameContainer(id, containerName(workspaceId, 'running'));
  } catch (error) {
    // Of one that ends at this very moment an engine says something about its network.
    if (isRefused(error, 404)) await checkLife(engine, { id });
    throw error;
  }
}

async function makeVolume({ engine }: WorkspaceDeps, mark: Mark, name: string): Promise<void> {
  const volume = await engine.createVolume(volumeName(mark.workspaceId, name), labelsOf(mark));
  // The engine gives one of that name that is there as if it had made it.
  if (markOf(volume).daemon === mark.daemon) return;
  throw new AppError('BUILD_FAILED', {
    detail: `the volume ${volume.name} is another daemon's`,
    hint: 'Two daemons with copies of one data folder use this engine: give each an engine of its own.',
  });
}

/** Of all workspaces of this daemon, those that are stopped too; of others the engine tells. */
async function portsInUse(deps: WorkspaceDeps, { ports }: DockerSettings): Promise<Set<number>> {
  if (ports.length === 0) return new Set();
  const containers = await deps.engine.listContainers({ [DAEMON_LABEL]: await deps.identify() });
  return new Set(containers.flatMap(outsideOf));
}

/** Throws BUILD_FAILED for one that has ended by now: it would for ever. */
async function checkLife(engine: Engine, { id }: Pick<Running, 'id'>): Promise<void> {
  const { isRunning, restarts, exitCode } = await engine.readLife(id);
  if (isRunning && restarts === 0) return;
  // Once it runs again nothing tells how it ended.
  const how = isRunning ? '' : `, with exit status ${exitCode}`;
  throw new AppError('BUILD_FAILED', {
    detail: `the container's command ended at once${how}`,
    hint: '`command` is to stay in the foreground; try it by hand with `docker run` of the same image.',
  });
}
