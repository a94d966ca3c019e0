// The docker driver: a workspace is a container of an engine, with its volumes.
import { AppError } from '../../../base/app-error.ts';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import type { Kit } from '../../../base/kit.ts';
import type { DockerSettings } from '../../../contract/manifest/schema.ts';
import type { Build, Driver, JobTemplate } from '../../driver.ts';
import { createAgents, hasAgents, type AgentPrograms } from './agent.ts';
import { createAgentRuntimes } from './agent-runtime.ts';
import type { Engine } from './engine/engine.ts';
import { EngineAway, EngineRefusal } from './engine/transport.ts';
import { createImages } from './image.ts';
import { createMachine } from './machine.ts';
import { survey } from './survey.ts';
import type { WorkspaceDeps } from './work.ts';
import { removeWorkspace, startWorkspace, stopWorkspace, undoWorkspace } from './workspace.ts';

export interface DockerDriverOptions {
  readonly engine: Engine;
  /** The daemon, as labels are to name it: what has other labels is not touched. */
  identify(): Promise<string>;
  /** At which address of the engine's machine ports are published. */
  readonly publishAddress: string;
  /** What templates may ask for beside bridge and none. */
  readonly networks: readonly string[];
  /** To be copied into containers. */
  readonly agentPrograms: AgentPrograms;
}

export function createDockerDriver(kit: Kit, options: DockerDriverOptions): Driver {
  const { engine, networks } = options;
  const deps: WorkspaceDeps = {
    ...options,
    kit,
    starts: new Map(),
    agents: createAgents(engine),
    agentRuntimes: createAgentRuntimes(kit, engine, () => options.identify()),
    images: createImages(engine, () => options.identify()),
  };
  // A job, a report and a watch may want the same workspace at once.
  const turns = createKeyedMutex();
  const machine = createMachine(deps, turns);
  const settingsOf = ({ manifest }: JobTemplate): DockerSettings => {
    const { docker } = manifest;
    if (docker === null) {
      throw new AppError('TEMPLATE_REFUSED', 'the docker driver needs `docker: {image: …}`');
    }
    if (['bridge', 'none', ...networks].includes(docker.network)) return docker;
    throw new AppError('TEMPLATE_REFUSED', {
      detail: `the network "${docker.network}" is not allowed on this daemon`,
      hint: 'Use bridge or none, or have the operator list it in STANDBY_DOCKER_NETWORKS.',
    });
  };

  const work = <T>({ workspace: { id } }: Build, job: () => Promise<T>): Promise<T> =>
    turns.run(id, () => inWords('BUILD_FAILED', job).finally(() => machine.worked(id)));

  return {
    name: 'docker',
    check: (template, context) =>
      inWords('TEMPLATE_REFUSED', async () => {
        const settings = settingsOf(template);
        await deps.images.use({ settings, template }, context, async ({ name: image, provide }) => {
          await provide();
          context.log('info', `image: ${image}`);
          if (!hasAgents({ template })) return;
          const place = { image, path: settings.environment['PATH'] };
          const runtime = await deps.agentRuntimes.of(place, context.signal);
          context.log(
            'info',
            `agents run on ${runtime === 'node' ? 'its Node.js' : 'its shell and curl'}`,
          );
        });
      }),
    start: (build, context) =>
      work(build, async () => {
        const settings = settingsOf(build.template);
        context.signal.throwIfAborted();
        const { outputs, brought } = await startWorkspace(deps, { build, settings, context });
        machine.started(brought);
        return { outputs };
      }),
    stop: (build) => work(build, () => stopWorkspace(deps, build.workspace.id)),
    delete: (build) => work(build, () => removeWorkspace(deps, build.workspace.id)),
    undo: async (attempt) => {
      for (const [id, { mark }] of await survey(engine, await options.identify())) {
        if (mark.madeBy.jobId !== attempt.jobId) continue;
        // Whether it is still this attempt's is seen in the turn, not before it.
        await turns.run(id, () => undoWorkspace(deps, id, attempt));
      }
    },
    machine,
    fileCache: deps.images.built,
  };
}

/** What the engine says is no fault of Standby's: it is told as it is. */
async function inWords<T>(
  code: 'BUILD_FAILED' | 'TEMPLATE_REFUSED',
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineRefusal) {
      throw new AppError(code, `the Docker engine refused: ${error.message}`, { cause: error });
    }
    if (error instanceof EngineAway) {
      const hint = 'See whether the engine runs; the daemon speaks to it again with the next job.';
      throw new AppError('BUILD_FAILED', { detail: error.message, hint }, { cause: error });
    }
    throw error;
  }
}
