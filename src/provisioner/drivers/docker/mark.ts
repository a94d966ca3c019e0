// By what the driver knows its containers and volumes again: the engine is its only memory. Labels
// say what never changes, and a container's name and state say how far it has come.
import { z } from 'zod';
import { readyCheckSchema, type ReadyCheck } from '../../../contract/manifest/schema.ts';
import type { AttemptName } from '../../driver.ts';
import type { Container, Labels, Volume } from './engine/engine.ts';

/** What containers, volumes and images of a daemon have in common. */
export const DAEMON_LABEL = 'standby.daemon';
export const WORKSPACE_LABEL = 'standby.workspace';
/** Of a container that only looks into an image; empty at a workspace's own. */
export const LOOK_LABEL = 'standby.look';

/** Of a workspace: whose it is, and by which attempt it was made. */
export interface Mark {
  readonly daemon: string;
  readonly workspaceId: string;
  readonly madeBy: AttemptName;
}

/** What agents run on: the image's Node.js, or its shell. */
export type AgentRuntime = 'node' | 'shell';

/** Of one of its containers. */
export interface ContainerMark {
  /** Differs when the container would have to be another one. */
  readonly fingerprint: string;
  /** Where ports of the container are published. */
  readonly ports: Readonly<Record<string, number>>;
  /** The workspace's own among them; null where there is none. */
  readonly ownPort: number | null;
  readonly ready: ReadyCheck | null;
  readonly agents: readonly string[];
  /** Means nothing without agents. */
  readonly runtime: AgentRuntime;
  /** The address of the control plane, for agents. */
  readonly url: string;
}

/**
 * starting: half made; running: it should run; stopped: it should not, or another one is to take its
 * place.
 */
export type Phase = 'starting' | 'running' | 'stopped';

const SUFFIXES: Readonly<Record<Phase, string>> = {
  starting: '-starting',
  running: '',
  stopped: '-stopped',
};

const containerMark = z.object({
  fingerprint: z.string(),
  ports: z.record(z.string(), z.int()),
  ownPort: z.int().nullable(),
  ready: readyCheckSchema.nullable(),
  agents: z.array(z.string()),
  // Containers that were made before there was another one do not say.
  runtime: z.enum(['node', 'shell']).default('node'),
  url: z.string(),
});

export function labelsOf({ daemon, workspaceId, madeBy }: Mark): Labels {
  return {
    [DAEMON_LABEL]: daemon,
    [WORKSPACE_LABEL]: workspaceId,
    'standby.job': madeBy.jobId,
    'standby.attempt': String(madeBy.attempt),
  };
}

/** All labels that are read again are written, so that none comes from the image. */
export function containerLabels(mark: Mark, more: ContainerMark): Labels {
  return { ...labelsOf(mark), [LOOK_LABEL]: '', 'standby.container': JSON.stringify(more) };
}

/** Empty where somebody else has made it. */
export function markOf({ labels }: Pick<Container | Volume, 'labels'>): Mark {
  return {
    daemon: labels[DAEMON_LABEL] ?? '',
    workspaceId: labels[WORKSPACE_LABEL] ?? '',
    madeBy: { jobId: labels['standby.job'] ?? '', attempt: Number(labels['standby.attempt']) },
  };
}

/** Undefined when somebody else has made it. */
export function containerMarkOf({ labels }: Pick<Container, 'labels'>): ContainerMark | undefined {
  try {
    return containerMark.parse(JSON.parse(labels['standby.container'] ?? ''));
  } catch {
    return undefined;
  }
}

export function containerName(workspaceId: string, phase: Phase): string {
  return `standby-${workspaceId}${SUFFIXES[phase]}`;
}

/**
 * Whether the driver named it. Labels alone prove nothing: an image that is made of a workspace's
 * container has them, and so has everything that somebody runs of that image.
 */
export function isNamedContainer(container: Container): boolean {
  const { workspaceId } = markOf(container);
  const phases = Object.keys(SUFFIXES) as Phase[];
  return phases.some((phase) => container.name === containerName(workspaceId, phase));
}

export function isNamedVolume(volume: Volume): boolean {
  return volume.name.startsWith(volumeName(markOf(volume).workspaceId, ''));
}

/**
 * One that never ran is half made, whatever its name: its start comes last. Some engines say that of some
 * that did run; before one is removed, its life is looked at (workspace.ts).
 */
export function phaseOf({ name, state }: Pick<Container, 'name' | 'state'>): Phase {
  if (name.endsWith(SUFFIXES.starting)) return 'starting';
  if (name.endsWith(SUFFIXES.stopped)) return 'stopped';
  return state === 'created' ? 'starting' : 'running';
}

export function volumeName(workspaceId: string, name: string): string {
  return `standby-${workspaceId}-${name}`;
}
