// One container of a workspace, once it is made: woken, and retired.
import { AppError } from '../../../base/app-error.ts';
import { isRefused, type Container, type Engine, type Life } from './engine/engine.ts';
import { containerMarkOf, containerName, markOf, phaseOf } from './mark.ts';
import { EngineRefusal } from './engine/transport.ts';
import { isPortTaken } from './port.ts';

/** What a command is given to end by itself. */
const STOP_GRACE_SECONDS = 10;

/** It runs again, or goes on. */
export async function wake(engine: Engine, container: Container): Promise<void> {
  if (phaseOf(container) === 'stopped') {
    const { workspaceId } = markOf(container);
    await engine.renameContainer(container.id, containerName(workspaceId, 'running'));
  }
  try {
    await revive(engine, container);
  } catch (error) {
    throw isPortTaken(error) ? portLost(error, container) : error;
  }
}

/** It runs, whatever it did. */
export async function revive(engine: Engine, container: Container): Promise<void> {
  await unpause(engine, container);
  await engine.startContainer(container.id);
}

/** Gives it the time to end by itself, which one that is paused could not use. */
export async function end(
  engine: Engine,
  container: Container,
  graceSeconds: number,
): Promise<void> {
  await unpause(engine, container);
  try {
    await engine.stopContainer(container.id, graceSeconds);
  } catch (error) {
    // What ran before the machine was started anew cannot be stopped, says Podman.
    if (!(error instanceof EngineRefusal)) throw error;
    if ((await lifeOf(engine, container))?.hasProcesses === true) throw error;
  }
}

/** Undefined once somebody has removed it. */
export async function lifeOf(
  engine: Engine,
  { id }: Pick<Container, 'id'>,
): Promise<Life | undefined> {
  try {
    return await engine.readLife(id);
  } catch (error) {
    if (isRefused(error, 404)) return undefined;
    throw error;
  }
}

async function unpause(engine: Engine, { id, state }: Container): Promise<void> {
  if (state !== 'paused') return;
  await engine.unpauseContainer(id).catch((error: unknown) => {
    // Somebody has let it go on or taken it away; whatever else it is shows at the next call.
    if (!(error instanceof EngineRefusal)) throw error;
  });
}

/** Notes that it should not run, then ends it. */
export async function retire(engine: Engine, container: Container): Promise<void> {
  if (phaseOf(container) === 'running') {
    const { workspaceId } = markOf(container);
    await engine
      .renameContainer(container.id, containerName(workspaceId, 'stopped'))
      .catch((error: unknown) => {
        if (!isRefused(error, 404)) throw error;
      });
  }
  await end(engine, container, STOP_GRACE_SECONDS);
}

/** Where it publishes. */
export function outsideOf(container: Container): readonly number[] {
  return Object.values(containerMarkOf(container)?.ports ?? {});
}

/** Where it publishes what. */
export function portsOf(container: Pick<Container, 'labels'>): ReadonlyMap<number, number> {
  const ports = Object.entries(containerMarkOf(container)?.ports ?? {});
  return new Map(ports.map(([inside, outside]) => [Number(inside), outside]));
}

export function portLost(error: unknown, container: Container): AppError {
  return new AppError(
    'BUILD_FAILED',
    {
      detail: `a port that this workspace keeps (${outsideOf(container).join(', ')}) is used by another program: ${(error as Error).message}`,
      hint: 'End that program, or delete the workspace.',
    },
    { cause: error },
  );
}
