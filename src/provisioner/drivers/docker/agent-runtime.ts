// What agents run on in an image: its Node.js, or its shell with curl. Nothing but the image itself tells, so it
// is looked at once: in containers that have no network and run one command.
import { AppError } from '../../../base/app-error.ts';
import { createId } from '../../../base/id.ts';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import type { Kit } from '../../../base/kit.ts';
import type { Engine } from './engine/engine.ts';
import { EngineRefusal } from './engine/transport.ts';
import { DAEMON_LABEL, LOOK_LABEL, type AgentRuntime } from './mark.ts';

export interface AgentRuntimes {
  /** Throws TEMPLATE_REFUSED for an image that has neither. `path` is the template's PATH, if it has one. */
  of(image: string, path: string | undefined): Promise<AgentRuntime>;
  /** Takes away the containers of looks that a former life of the daemon did not end. */
  sweep(): Promise<void>;
}

/** What the container of a look is named, and no other one. */
const LOOK_NAME = 'standby-look-';
const OLDEST_NODE = 20;
const NODE_LOOK = [
  'node',
  '-e',
  `process.exit(Number(process.versions.node.split('.')[0]) < ${OLDEST_NODE} ? 1 : 0)`,
];
/** What agent.sh runs that no shell has by itself; `od` and `setsid` it can do without. */
const TOOLS = 'chmod curl cut date mkdir mv rm sed sleep tail wc';
const SHELL_LOOK = [
  'sh',
  '-c',
  `for tool in ${TOOLS}; do command -v "$tool" >/dev/null || echo "$tool"; done`,
];

/** What an engine says of a command that an image does not have, or that is no program. */
const NO_PROGRAM = /executable file not found|no such file or directory|permission denied/;

export function createAgentRuntimes(
  kit: Kit,
  engine: Engine,
  identify: () => Promise<string>,
): AgentRuntimes {
  const known = new Map<string, AgentRuntime>();
  const turns = createKeyedMutex();
  const looking = new Set<string>();
  const labels = async (): Promise<Record<string, string>> => ({
    [DAEMON_LABEL]: await identify(),
    [LOOK_LABEL]: 'agent',
  });

  /** What the command says and ends with; undefined where the image has no such program. */
  const run = async (
    command: readonly string[],
    { image, path }: { readonly image: string; readonly path: string | undefined },
  ): Promise<{ readonly status: number; readonly lines: readonly string[] } | undefined> => {
    const name = `${LOOK_NAME}${createId(kit)}`;
    looking.add(name);
    const spec = {
      ...{ Image: image, Entrypoint: command, Cmd: [], Labels: await labels() },
      Env: path === undefined ? [] : [`PATH=${path}`],
      // With a terminal, what it says comes as it is.
      Tty: true,
      HostConfig: { NetworkMode: 'none' },
    };
    try {
      const id = await engine.createContainer(name, spec);
      await engine.startContainer(id);
      return { status: await engine.awaitEnd(id), lines: await engine.readOutput(id) };
    } catch (error) {
      if (error instanceof EngineRefusal && NO_PROGRAM.test(error.message)) return undefined;
      throw error;
    } finally {
      await engine.removeContainer(name).catch((error: unknown) =>
        // The next sweep takes it away. What the look has found, or why it failed, is told all the same.
        kit.log.error('docker.look_not_removed', { name, error }),
      );
      looking.delete(name);
    }
  };

  const look = async (image: string, path: string | undefined): Promise<AgentRuntime> => {
    const node = await run(NODE_LOOK, { image, path });
    if (node?.status === 0) return 'node';
    const shell = await run(SHELL_LOOK, { image, path });
    const missing = shell?.lines ?? ['sh'];
    if (shell?.status === 0 && missing.length === 0) return 'shell';
    const nodeIs = node === undefined ? 'no `node`' : `a \`node\` older than ${OLDEST_NODE}`;
    throw new AppError('TEMPLATE_REFUSED', {
      detail: `no agent can run in the image ${image}: its PATH has ${nodeIs}, and for the shell agent it lacks ${missing.join(', ')}`,
      hint: `Use an image with Node.js ${OLDEST_NODE} or newer, or with a POSIX shell and curl; or declare no agents.`,
    });
  };

  return {
    of: async (image, path) => {
      const id = await engine.findImage(image);
      const key = `${id ?? image} ${path ?? ''}`;
      return turns.run(key, async () => {
        const runtime = known.get(key) ?? (await look(image, path));
        known.set(key, runtime);
        return runtime;
      });
    },
    sweep: async () => {
      for (const { id, name } of await engine.listContainers(await labels())) {
        // Labels alone prove nothing: a workspace's container has its image's.
        if (name.startsWith(LOOK_NAME) && !looking.has(name)) await engine.removeContainer(id);
      }
    },
  };
}
