// One workspace of an engine: made, started, stopped and removed. Each step leaves the engine such that
// whatever instant the daemon ends at, the next one knows what is there for what (mark.ts).
import { failpoint } from '../../../base/failpoint.ts';
import type { DockerSettings } from '../../../contract/manifest/schema.ts';
import type { AttemptName, Outputs } from '../../driver.ts';
import { isUndoable } from '../../undoable.ts';
import { checkReach } from './agent.ts';
import { end, lifeOf, portsOf, retire, revive, wake } from './container.ts';
import type { Container, Engine } from './engine/engine.ts';
import { makeContainer, type Running } from './make-container.ts';
import { containerMarkOf, containerName, phaseOf, type Mark } from './mark.ts';
import { fingerprintOf } from './plan-container.ts';
import {
  hasProcesses,
  isAlive,
  runningOf,
  startingOf,
  stoppedOf,
  survey,
  type Found,
} from './survey.ts';
import type { Given, WorkspaceDeps } from './work.ts';

/** What a command is given to end by itself, although nothing it saves stays. */
const REMOVE_GRACE_SECONDS = 4;

export interface StartedWorkspace {
  readonly outputs: Outputs;
  readonly brought: Brought;
}

/** What runs now. */
export interface Brought {
  readonly container: Running;
  /** It ran before, and goes on. */
  readonly wasAlive: boolean;
}

/** Brings it to life: made anew, or what was there, or another container in its place. */
export async function startWorkspace(deps: WorkspaceDeps, given: Given): Promise<StartedWorkspace> {
  const { build, settings } = given;
  const workspaceId = build.workspace.id;
  checkReach(build);
  deps.starts.set(workspaceId, { jobId: build.jobId, attempt: build.attempt });
  const found = await lookSettled(deps, workspaceId);
  const former = found && (runningOf(found) ?? stoppedOf(found));
  const isNew = found === undefined;
  const isFirst = isNew && build.workspace.build_number === 1;
  const mark: Mark = found?.mark ?? {
    daemon: await deps.identify(),
    workspaceId,
    madeBy: { jobId: build.jobId, attempt: build.attempt },
  };
  try {
    const isSame =
      former && containerMarkOf(former)?.fingerprint === fingerprintOf(build, settings);
    const container =
      isSame === true
        ? await wakeWithAgents(deps, former)
        : await makeContainer(deps, given, { mark, isFirst, former });
    const brought = { container, wasAlive: isSame === true && isAlive(former) };
    return { outputs: outputsOf(deps, settings, portsOf(container)), brought };
  } catch (error) {
    await takeBack(deps, workspaceId, isNew).catch((fault: unknown) =>
      // The next look at all workspaces finds it.
      deps.kit.log.error('docker.take_back_failed', { workspaceId, error: fault }),
    );
    throw error;
  }
}

/** Starts one that should run and does not; undefined when it should not. */
export async function restartWorkspace(
  deps: WorkspaceDeps,
  workspaceId: string,
): Promise<Brought | undefined> {
  const found = await lookSettled(deps, workspaceId);
  if (found === undefined || stoppedOf(found) !== undefined) return undefined;
  const container = runningOf(found);
  if (container === undefined) {
    throw new Error(
      'its container was removed by somebody else; a start of the workspace makes one',
    );
  }
  const wasAlive = isAlive(container);
  if (!wasAlive) await revive(deps.engine, container);
  await deps.agents.ensure(container);
  return { container, wasAlive };
}

export async function stopWorkspace(deps: WorkspaceDeps, workspaceId: string): Promise<void> {
  const found = await lookSettled(deps, workspaceId);
  for (const container of found?.containers ?? []) await retire(deps.engine, container);
}

/** Takes away every trace. */
export async function removeWorkspace(deps: WorkspaceDeps, workspaceId: string): Promise<void> {
  const { engine } = deps;
  const found = await look(deps, workspaceId);
  for (const container of found?.containers ?? []) {
    if (hasProcesses(container)) await end(engine, container, REMOVE_GRACE_SECONDS);
    await engine.removeContainer(container.id);
  }
  await failpoint('docker.remove.containers_gone');
  for (const { name } of found?.volumes ?? []) await engine.removeVolume(name);
  deps.starts.delete(workspaceId);
}

/** Takes it away if it is the attempt's to undo. */
export async function undoWorkspace(
  deps: WorkspaceDeps,
  workspaceId: string,
  attempt: AttemptName,
): Promise<void> {
  const found = await look(deps, workspaceId);
  if (found === undefined) return;
  const { madeBy } = found.mark;
  const startedBy = deps.starts.get(workspaceId) ?? madeBy;
  if (isUndoable({ madeBy, startedBy }, attempt)) await removeWorkspace(deps, workspaceId);
}

/** Takes away what is half made, and what another container has taken the place of. What should run does. */
export async function settleWorkspace(deps: WorkspaceDeps, workspaceId: string): Promise<void> {
  const found = await lookSettled(deps, workspaceId);
  const container = found && runningOf(found);
  if (container !== undefined && !isAlive(container)) await revive(deps.engine, container);
}

/** Nothing is half made, nothing is left over, and what should not run does not. */
export function isSettled(found: Found): boolean {
  const stopped = stoppedOf(found);
  if (startingOf(found).length > 0) return false;
  return stopped === undefined || (runningOf(found) === undefined && !hasProcesses(stopped));
}

async function look(deps: WorkspaceDeps, workspaceId: string): Promise<Found | undefined> {
  return (await survey(deps.engine, await deps.identify(), workspaceId)).get(workspaceId);
}

async function lookSettled(deps: WorkspaceDeps, workspaceId: string): Promise<Found | undefined> {
  const seen = await look(deps, workspaceId);
  if (seen === undefined || isSettled(seen)) return seen;
  const found = await withLives(deps.engine, seen);
  const stopped = stoppedOf(found);
  for (const { id } of startingOf(found)) await deps.engine.removeContainer(id);
  if (stopped !== undefined && runningOf(found) !== undefined) {
    await deps.engine.removeContainer(stopped.id);
  } else if (stopped !== undefined) {
    await retire(deps.engine, stopped);
  }
  const left = await look(deps, workspaceId);
  return left && withLives(deps.engine, left);
}

/**
 * Podman says of containers that ran before the machine was started anew that they are `created`, as if they
 * never had. All that they hold would go with them.
 */
async function withLives(engine: Engine, found: Found): Promise<Found> {
  const name = containerName(found.mark.workspaceId, 'running');
  const withLife = async (container: Container): Promise<Container> => {
    if (container.name !== name || phaseOf(container) !== 'starting') return container;
    const life = await lifeOf(engine, container);
    return life?.hasRun === true ? { ...container, state: 'exited' } : container;
  };
  return { ...found, containers: await Promise.all(found.containers.map(withLife)) };
}

async function wakeWithAgents(deps: WorkspaceDeps, container: Container): Promise<Running> {
  await wake(deps.engine, container);
  await deps.agents.ensure(container);
  return container;
}

/** A new workspace leaves nothing; one that was there before stays, stopped. */
function takeBack(deps: WorkspaceDeps, workspaceId: string, isNew: boolean): Promise<void> {
  return isNew ? removeWorkspace(deps, workspaceId) : stopWorkspace(deps, workspaceId);
}

function outputsOf(
  { publishAddress }: WorkspaceDeps,
  { ports: [own] }: DockerSettings,
  ports: ReadonlyMap<number, number>,
): Outputs {
  const host = publishAddress.includes(':') ? `[${publishAddress}]` : publishAddress;
  const outputs = [...ports].flatMap(([inside, outside]): [string, string][] =>
    inside === own
      ? [
          ['url', `http://${host}:${outside}/`],
          ['port', String(outside)],
        ]
      : [[`port_${inside}`, String(outside)]],
  );
  return Object.fromEntries(outputs);
}
