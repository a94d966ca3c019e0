// What agents run on in an image: its Node.js, or its shell with curl. Nothing but the image itself tells, so it
// is looked at once: in containers that have no network and run one command. The image is anybody's, and so are
// its `node` and its `sh`: what they take and how long they may is limited.
import { whenAborted } from '../../../base/abort.ts';
import { AppError } from '../../../base/app-error.ts';
import { createId } from '../../../base/id.ts';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import type { Kit } from '../../../base/kit.ts';
import type { Engine } from './engine/engine.ts';
import { EngineRefusal } from './engine/transport.ts';
import { DAEMON_LABEL, LOOK_LABEL, type AgentRuntime } from './mark.ts';
import { LOG } from './plan-container.ts';

export interface AgentRuntimes {
  /** Throws TEMPLATE_REFUSED for an image that has neither; for a minute without another look. */
  of(place: LookedInto, signal: AbortSignal): Promise<AgentRuntime>;
  /** Takes away the containers of looks that a former life of the daemon did not end. */
  sweep(): Promise<void>;
}

export interface LookedInto {
  readonly image: string;
  /** The template's, if it has one. */
  readonly path: string | undefined;
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

/** Much more than either takes. */
const LOOK_MS = 10_000;
/** Whoever waits for his start does not wait for what was seen a moment ago; and a machine may have been slow. */
const REFUSED_MS = 60_000;
const MEMORY_BYTES = 256 * 1024 ** 2;
const PROCESSES = 128;

/** What an engine says of a command that an image does not have, or that is no program. */
const NO_PROGRAM = /executable file not found|no such file or directory|permission denied/;

export function createAgentRuntimes(
  kit: Kit,
  engine: Engine,
  identify: () => Promise<string>,
): AgentRuntimes {
  const known = new Map<string, AgentRuntime>();
  const refused = new Map<string, { readonly error: AppError; readonly untilMs: number }>();
  const turns = createKeyedMutex();
  const looking = new Set<string>();
  const labels = async (): Promise<Record<string, string>> => ({
    [DAEMON_LABEL]: await identify(),
    [LOOK_LABEL]: 'agent',
  });

  /** What `judge` makes of the status that the command ends with; undefined where the image has no such program. */
  const run = async <T>(
    command: readonly string[],
    { image, path }: LookedInto,
    judge: (status: number, id: string) => Promise<T>,
  ): Promise<T | undefined> => {
    const name = `${LOOK_NAME}${createId(kit)}`;
    looking.add(name);
    const spec = {
      ...{ Image: image, Entrypoint: command, Cmd: [], Labels: await labels() },
      Env: path === undefined ? [] : [`PATH=${path}`],
      // With a terminal, what it says comes as it is.
      Tty: true,
      HostConfig: {
        NetworkMode: 'none',
        ...{ PidsLimit: PROCESSES, Memory: MEMORY_BYTES, MemorySwap: MEMORY_BYTES },
        LogConfig: LOG,
      },
    };
    try {
      const id = await engine.createContainer(name, spec);
      await engine.startContainer(id);
      return await judge(await endOf(id, { image, command }), id);
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

  /** Throws TEMPLATE_REFUSED for a command that does not end soon. */
  const endOf = async (
    id: string,
    { image, command: [program = ''] }: Pick<LookedInto, 'image'> & { command: readonly string[] },
  ): Promise<number> => {
    const tooLate = new AbortController();
    const ended = new AbortController();
    void kit.clock.sleep(LOOK_MS, ended.signal).then(
      () =>
        tooLate.abort(
          new AppError('TEMPLATE_REFUSED', {
            detail: `no agent can run in the image ${image}: its \`${program}\` has not ended within ${LOOK_MS / 1000} s of a look at what it can do`,
            hint: `See what \`docker run --rm --entrypoint ${program} ${image}\` runs; or declare no agents.`,
          }),
        ),
      () => undefined, // it has ended
    );
    try {
      return await engine.awaitEnd(id, tooLate.signal);
    } finally {
      ended.abort();
    }
  };

  const look = async (place: LookedInto): Promise<AgentRuntime> => {
    const node = await run(NODE_LOOK, place, (status) => Promise.resolve(status));
    if (node === 0) return 'node';
    const shell = await run(SHELL_LOOK, place, async (status, id) => ({
      status,
      lines: await engine.readOutput(id),
    }));
    const missing = shell?.lines ?? ['sh'];
    if (shell?.status === 0 && missing.length === 0) return 'shell';
    const nodeIs = node === undefined ? 'no `node`' : `a \`node\` older than ${OLDEST_NODE}`;
    throw new AppError('TEMPLATE_REFUSED', {
      detail: `no agent can run in the image ${place.image}: its PATH has ${nodeIs}, and for the shell agent it lacks ${missing.join(', ')}`,
      hint: `Use an image with Node.js ${OLDEST_NODE} or newer, or with a POSIX shell and curl; or declare no agents.`,
    });
  };

  /** Throws again what it threw a short while ago. */
  const lookUnlessRefused = async (key: string, place: LookedInto): Promise<AgentRuntime> => {
    const last = refused.get(key);
    if (last !== undefined && kit.clock.monotonicMs() < last.untilMs) throw last.error;
    refused.delete(key);
    try {
      return await look(place);
    } catch (error) {
      if (error instanceof AppError) {
        refused.set(key, { error, untilMs: kit.clock.monotonicMs() + REFUSED_MS });
      }
      throw error;
    }
  };

  return {
    of: async (place, signal) => {
      const { image, path } = place;
      const id = await engine.findImage(image);
      const key = `${id ?? image} ${path ?? ''}`;
      const found = turns.run(key, async () => {
        const runtime = known.get(key) ?? (await lookUnlessRefused(key, place));
        known.set(key, runtime);
        return runtime;
      });
      // Who is canceled does not wait; the look goes on for whoever asks next.
      await Promise.race([found, whenAborted(signal)]);
      signal.throwIfAborted();
      return found;
    },
    sweep: async () => {
      for (const { id, name } of await engine.listContainers(await labels())) {
        // Labels alone prove nothing: a workspace's container has its image's.
        if (name.startsWith(LOOK_NAME) && !looking.has(name)) await engine.removeContainer(id);
      }
    },
  };
}
