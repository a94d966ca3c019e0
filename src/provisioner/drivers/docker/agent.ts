// Agents in a container: what they need is copied in before it starts, and whatever ends them, they are
// started again. They run on the Node.js of the image, or on its shell (agent-runtime.ts).
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { paddingOf } from '../../../archive/entry-header.ts';
import { ARCHIVE_LIMITS } from '../../../archive/limits.ts';
import { listFolder } from '../../../archive/list-folder.ts';
import { renderEntryHeader, TAR_END } from '../../../archive/tar-writer.ts';
import { AppError } from '../../../base/app-error.ts';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import { AGENT_HOME } from '../../../contract/manifest/agent-home.ts';
import type { Build } from '../../driver.ts';
import { isRefused, type Container, type Engine, type Process } from './engine/engine.ts';
import { EngineRefusal } from './engine/transport.ts';
import { containerMarkOf, type AgentRuntime, type ContainerMark } from './mark.ts';

/** In the container. */
const HOME = AGENT_HOME;
const PROGRAMS: Readonly<Record<AgentRuntime, { readonly file: string; readonly by: string }>> = {
  node: { file: `${HOME}/agent.mjs`, by: 'node' },
  shell: { file: `${HOME}/agent.sh`, by: 'sh' },
};
const SCRIPTS = `${HOME}/template`;
const STATE = `${HOME}/state`;

/** Of the volume that keeps what agents remember: no name that a template can give. */
export const STATE_VOLUME = { name: '_agent', place: STATE } as const;

export function hasAgents({ template }: Pick<Build, 'template'>): boolean {
  return template.manifest.agents.length > 0;
}

/** Throws BUILD_FAILED for an address that is another machine's as soon as it is used in a container. */
export function checkReach({ template, workspace }: Build): void {
  const { hostname } = new URL(workspace.access_url);
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
  if (!hasAgents({ template }) || !isLoopback || template.manifest.docker?.network === 'host') {
    return;
  }
  throw new AppError('BUILD_FAILED', {
    detail: `the agent in a container cannot reach the control plane at ${workspace.access_url}`,
    hint: 'Set STANDBY_ACCESS_URL on the control plane to an address that containers reach, and let it listen there.',
  });
}

/** Where the bundled agents are on this machine. */
export type AgentPrograms = Readonly<Record<AgentRuntime, string>>;

/** The agent's program, and the template's files for its scripts, as a tar of the container's root. */
export async function packAgent(
  programs: AgentPrograms,
  runtime: AgentRuntime,
  templateFolder: string,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  const add = (name: string, bytes: Buffer, executable: boolean): void => {
    const entry = { path: name.slice(1), kind: 'file', executable, size: bytes.length } as const;
    parts.push(renderEntryHeader(entry), bytes, Buffer.alloc(paddingOf(bytes.length)));
  };
  const addFolder = (name: string, mode?: number): void => {
    const entry = { path: name.slice(1), kind: 'folder', executable: false, size: 0 } as const;
    parts.push(renderEntryHeader(entry, mode));
  };
  addFolder(HOME);
  // The image's user is anybody.
  addFolder(STATE, 0o1777);
  add(PROGRAMS[runtime].file, await readFile(programs[runtime]), false);
  addFolder(SCRIPTS);
  for (const entry of (await listFolder(templateFolder, ARCHIVE_LIMITS)).entries) {
    const name = `${SCRIPTS}/${entry.path}`;
    if (entry.kind === 'folder') addFolder(name);
    else add(name, await readFile(path.join(templateFolder, entry.path)), entry.executable);
  }
  return Buffer.concat([...parts, TAR_END]);
}

export interface Agents {
  /** Starts those of a container that runs which do not run. Does nothing for one that has ended. */
  ensure(container: Pick<Container, 'id' | 'labels'>): Promise<void>;
}

export function createAgents(engine: Engine): Agents {
  // Two of one name would end each other's sessions for ever.
  const turns = createKeyedMutex();

  const start = async (
    containerId: string,
    name: string,
    { url, runtime }: ContainerMark,
  ): Promise<void> => {
    const { file, by } = PROGRAMS[runtime];
    const id = await engine.createExec(containerId, {
      // The name is for whoever looks for it here; the agent itself reads its environment.
      command: [by, file, name],
      environment: [
        `STANDBY_URL=${url}`,
        `STANDBY_AGENT_NAME=${name}`,
        `STANDBY_AGENT_SCRIPT_DIR=${SCRIPTS}`,
        `STANDBY_AGENT_STATE_DIR=${STATE}/${name}`,
      ],
      isDetached: true,
    });
    await engine.detachExec(id);
  };

  /** None where the engine does not tell: its machine may have no `ps`. */
  const listProcesses = (containerId: string): Promise<readonly Process[]> =>
    engine.listProcesses(containerId).catch((error: unknown) => {
      const hasEnded = isRefused(error, 404) || isRefused(error, 409);
      if (error instanceof EngineRefusal && !hasEnded) return [];
      throw error;
    });

  const startMissing = async (containerId: string, mark: ContainerMark): Promise<void> => {
    const execs = await engine.listExecs(containerId);
    const listed = execs.flatMap(({ isRunning, command }) => (isRunning ? agentIn(command) : []));
    const unlisted = mark.agents.filter((name) => !listed.includes(name));
    if (unlisted.length === 0) return;
    // An engine that was started anew beside living containers has forgotten what it ran in them, and
    // one that is about to run something does not list it yet. What the shell agent has begun beside itself
    // looks like it, and may outlive it.
    const seen = (await listProcesses(containerId)).flatMap(({ command, isChild }) =>
      isChild ? [] : agentIn(command.split(' ')),
    );
    for (const name of unlisted) if (!seen.includes(name)) await start(containerId, name, mark);
  };

  return {
    ensure: async ({ id, labels }) => {
      const mark = containerMarkOf({ labels });
      if (mark === undefined || mark.agents.length === 0) return;
      try {
        await turns.run(id, () => startMissing(id, mark));
      } catch (error) {
        if (!isRefused(error, 404) && !isRefused(error, 409)) throw error;
      }
    },
  };
}

/** Its name, where that is an agent's command. */
function agentIn(command: readonly string[]): readonly string[] {
  const files = Object.values(PROGRAMS).map(({ file }) => file);
  const at = command.findIndex((part) => files.includes(part));
  return at === -1 ? [] : command.slice(at + 1, at + 2);
}
