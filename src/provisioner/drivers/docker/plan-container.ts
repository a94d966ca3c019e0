// The container that a build asks for, as the engine is told of it. Pure: everything it depends on is
// given. What it does not say is the engine's default: no privileges, no devices, nothing of the host.
import { createHash } from 'node:crypto';
import type { DockerSettings } from '../../../contract/manifest/schema.ts';
import type { Build } from '../../driver.ts';
import { parameterVariables } from '../../tool/parameter-variables.ts';
import { hasAgents, STATE_VOLUME } from './agent.ts';
import {
  containerLabels,
  volumeName,
  type AgentRuntime,
  type ContainerMark,
  type Mark,
} from './mark.ts';

export interface Surroundings {
  readonly mark: Mark;
  /** Of the container. */
  readonly own: ContainerMark;
  readonly settings: DockerSettings;
  readonly image: string;
  /** At which address of the engine's machine. */
  readonly publishAddress: string;
}

/** A container that prints for ever fills no disk. */
export const LOG = { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } };

/** The body of the engine's call. */
export function planContainer(build: Build, surroundings: Surroundings): object {
  const { settings, image, mark } = surroundings;
  return {
    Image: image,
    ...commandOf(settings),
    Env: environmentOf(build, settings),
    ExposedPorts: Object.fromEntries(settings.ports.map((port) => [`${port}/tcp`, {}])),
    Labels: {
      'standby.template': build.template.name,
      ...containerLabels(mark, surroundings.own),
    },
    HostConfig: { ...hostConfigOf(build, surroundings), ...bindingsOf(surroundings) },
  };
}

export function describeContainer(
  build: Build,
  settings: DockerSettings,
  {
    ports,
    runtime,
  }: { readonly ports: ReadonlyMap<number, number>; readonly runtime: AgentRuntime },
): ContainerMark {
  const { agents, ready } = build.template.manifest;
  return {
    fingerprint: fingerprintOf(build, settings),
    ports: Object.fromEntries(ports),
    ownPort: settings.ports[0] ?? null,
    ready: agents.length > 0 ? null : ready,
    agents: agents.map(({ name }) => name),
    runtime,
    url: build.workspace.access_url,
  };
}

/** Where in the container each volume is, by its name. */
export function volumesOf(build: Build, { volumes }: DockerSettings): Record<string, string> {
  return hasAgents(build) ? { ...volumes, [STATE_VOLUME.name]: STATE_VOLUME.place } : volumes;
}

/**
 * What makes another container necessary, as one text. Without the workspace's name, which a claim
 * changes: it would end everything that a prebuild has warmed up. The token keeps anybody from
 * guessing secret parameters by it.
 */
export function fingerprintOf(build: Build, settings: DockerSettings): string {
  const { manifest, file_hash: files } = build.template;
  const { workspace } = build;
  const needsFiles = settings.build !== null || hasAgents(build);
  const facts = [
    workspace.agent_token,
    workspace.parameters,
    settings,
    manifest.agents,
    manifest.ready,
    needsFiles ? files : '',
    // What an agent is started with again is in a label, which never changes.
    hasAgents(build) ? workspace.access_url : '',
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

function commandOf({ command }: DockerSettings): object {
  return command === null ? {} : { Cmd: command };
}

function environmentOf(build: Build, settings: DockerSettings): string[] {
  const { workspace } = build;
  const [port] = settings.ports;
  const variables: Record<string, string> = {
    ...parameterVariables(workspace.parameters),
    ...(port === undefined ? {} : { PORT: String(port), STANDBY_PORT: String(port) }),
    STANDBY_WORKSPACE_ID: workspace.id,
    STANDBY_WORKSPACE_NAME: workspace.name,
    STANDBY_ORGANIZATION: workspace.organization,
    ...(hasAgents(build) ? { STANDBY_AGENT_TOKEN: workspace.agent_token } : {}),
    ...settings.environment,
  };
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

function hostConfigOf(build: Build, { settings, mark }: Surroundings): object {
  const { limits, network } = settings;
  return {
    Privileged: false,
    NetworkMode: network,
    // It reaps what is orphaned, and lets a command end that does not think of signals.
    Init: true,
    // It comes back when it ends by itself and when the machine was off; not once it was stopped.
    RestartPolicy: { Name: 'unless-stopped' },
    Mounts: Object.entries(volumesOf(build, settings)).map(([name, place]) => ({
      Type: 'volume',
      Source: volumeName(mark.workspaceId, name),
      Target: place,
    })),
    PidsLimit: limits.processes,
    ...(limits.cpus === null ? {} : { NanoCpus: Math.round(limits.cpus * 1e9) }),
    ...(limits.memory_bytes === null
      ? {}
      : { Memory: limits.memory_bytes, MemorySwap: limits.memory_bytes }),
    LogConfig: LOG,
  };
}

function bindingsOf({ own, publishAddress }: Surroundings): object {
  const bindings = Object.entries(own.ports).map(([inside, outside]) => [
    `${inside}/tcp`,
    [{ HostIp: publishAddress, HostPort: String(outside) }],
  ]);
  return { PortBindings: Object.fromEntries(bindings) as object };
}
