// Makes the container of a workspace and has it run, in the place of a former one if there is one.
import { AppError } from '../../../base/app-error.ts';
import { failpoint } from '../../../base/failpoint.ts';
import { hasAgents, packAgent } from './agent.ts';
import { outsideOf, portLost, portsOf, retire } from './container.ts';
import { isRefused, type Container, type Engine } from './engine/engine.ts';
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
  /** It is there, retired, until the new one runs. */
  readonly former: Container | undefined;
}

const PORT_DRAWS = 20;

/** Gives the ports that it publishes. When it throws, something half made may be there. */
export async function makeContainer(
  deps: WorkspaceDeps,
  given: Given,
  { mark, former }: Place,
): Promise<ReadonlyMap<number, number>> {
  const { build, context, settings } = given;
  const { engine } = deps;
  const { workspaceId } = mark;
  const wanted = { settings, template: build.template };
  const ports = await deps.images.use(wanted, context, async (image) => {
    const place = { image, path: settings.environment['PATH'] };
    const runtime = hasAgents(build) ? await deps.agentRuntimes.of(place, context.signal) : 'node';
    context.signal.throwIfAborted();
    for (const name of Object.keys(volumesOf(build, settings))) await makeVolume(deps, mark, name);
    await failpoint('docker.start.volumes_made');
    return makeRunning(deps, given, { mark, image, runtime, former });
  });
  const [starting, running] = [
    containerName(workspaceId, 'starting'),
    containerName(workspaceId, 'running'),
  ];
  await engine.renameContainer(starting, running).catch(async (error: unknown) => {
    // Of one that ends at this very moment an engine says something about its network.
    if (isRefused(error, 404)) await checkLife(engine, starting);
    throw error;
  });
  await checkLife(engine, running);
  await failpoint('docker.start.named');
  if (former !== undefined) await engine.removeContainer(former.id);
  return ports;
}

interface Wanted extends Place {
  readonly image: string;
  readonly runtime: AgentRuntime;
}

async function makeRunning(
  deps: WorkspaceDeps,
  { build, context, settings }: Given,
  { mark, image, runtime, former }: Wanted,
): Promise<ReadonlyMap<number, number>> {
  const { engine, kit, publishAddress } = deps;
  const name = containerName(mark.workspaceId, 'starting');
  const kept = former === undefined ? new Map<number, number>() : portsOf(former);
  const taken = settings.ports.length === 0 ? new Set<number>() : await portsInUse(deps);
  const agent = hasAgents(build)
    ? await packAgent(deps.agentPrograms, runtime, await context.templateFolder())
    : undefined;
  for (let draws = 1; ; draws++) {
    const ports = drawPorts(kit.rng, settings.ports, { kept, taken });
    const own = describeContainer(build, settings, { ports, runtime });
    const plan = planContainer(build, { mark, own, settings, image, publishAddress });
    const id = await engine.createContainer(name, plan);
    await failpoint('docker.start.created');
    if (agent !== undefined) await engine.putFiles(id, agent);
    context.signal.throwIfAborted();
    if (former !== undefined) await retire(engine, former);
    try {
      await engine.startContainer(id);
      await failpoint('docker.start.started');
      await deps.agents.ensure({ id, labels: containerLabels(mark, own) });
      context.signal.throwIfAborted();
      return ports;
    } catch (error) {
      if (!isPortTaken(error)) throw error;
      if (former !== undefined) throw portLost(error, former);
      if (draws === PORT_DRAWS) throw error;
      await engine.removeContainer(id);
    }
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
async function portsInUse(deps: WorkspaceDeps): Promise<Set<number>> {
  const containers = await deps.engine.listContainers({ [DAEMON_LABEL]: await deps.identify() });
  return new Set(containers.flatMap(outsideOf));
}

/** Throws BUILD_FAILED for one that has ended by now: it would for ever. */
async function checkLife(engine: Engine, container: string): Promise<void> {
  const { isRunning, restarts, exitCode } = await engine.readLife(container);
  if (isRunning && restarts === 0) return;
  // Once it runs again nothing tells how it ended.
  const how = isRunning ? '' : `, with exit status ${exitCode}`;
  throw new AppError('BUILD_FAILED', {
    detail: `the container's command ended at once${how}`,
    hint: '`command` is to stay in the foreground; try it by hand with `docker run` of the same image.',
  });
}
