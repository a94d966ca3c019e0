// What the driver asks of a Docker engine, as functions: one for each call of its API that is used.
// A thing that is there already, or gone already, is no error where that was asked for.
import { z } from 'zod';
import type { Clock } from '../../../../base/clock.ts';
import { EngineRefusal, type EngineCall, type Transport } from './transport.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Container {
  readonly id: string;
  readonly name: string;
  /** created, running, paused, restarting, removing, exited or dead. */
  readonly state: string;
  readonly labels: Labels;
}

export interface Life {
  readonly isRunning: boolean;
  /** It runs, is paused, or the engine starts it again: there is something in it to end. */
  readonly hasProcesses: boolean;
  /** It runs, or did once. */
  readonly hasRun: boolean;
  /** How often the engine has started it again. */
  readonly restarts: number;
  readonly exitCode: number;
}

export interface Volume {
  readonly name: string;
  readonly labels: Labels;
}

export interface Engine {
  readonly address: string;
  /** All of them that have these labels. */
  listContainers(labels: Labels): Promise<readonly Container[]>;
  /** How what it runs has fared, by id or name. */
  readLife(container: string): Promise<Life>;
  createContainer(name: string, spec: object): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Resolves with the status that it ends with. */
  awaitEnd(id: string, signal: AbortSignal): Promise<number>;
  /** The last lines that one with a terminal has printed, and little of them where they are long. */
  readOutput(id: string): Promise<readonly string[]>;
  /** Asks it to end, and ends it after the grace. */
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  /** Lets a paused one go on. */
  unpauseContainer(id: string): Promise<void>;
  renameContainer(id: string, name: string): Promise<void>;
  /** Ends it too, and takes the volumes without a name with it. */
  removeContainer(id: string): Promise<void>;
  /** Unpacks a tar in it. */
  putFiles(id: string, tar: Buffer): Promise<void>;
  listVolumes(labels: Labels): Promise<readonly Volume[]>;
  createVolume(name: string, labels: Labels): Promise<Volume>;
  removeVolume(name: string): Promise<void>;
  /** Its id; undefined where there is none of that name. */
  findImage(name: string): Promise<string | undefined>;
  /** Gives progress, line by line. */
  pullImage(name: string, work: ImageWork): Promise<void>;
  /** The names of all that have these labels. */
  listImages(labels: Labels): Promise<readonly string[]>;
  /** Gives whether it is gone: what a container uses stays, whether it runs or not. */
  removeImage(name: string): Promise<boolean>;
  buildImage(context: Buffer, recipe: ImageRecipe, work: ImageWork): Promise<void>;
  /** Makes a program ready to run in a container, and gives its id. */
  createExec(containerId: string, spec: ExecSpec): Promise<string>;
  /** Resolves when the program has ended. */
  runExec(id: string, signal: AbortSignal): Promise<void>;
  /** Lets it run on. */
  detachExec(id: string): Promise<void>;
  readExec(id: string): Promise<Exec>;
  /** Those that the engine still knows of. */
  listExecs(containerId: string): Promise<readonly Exec[]>;
  /** The processes in a container that runs, as the engine's machine has them. */
  listProcesses(containerId: string): Promise<readonly Process[]>;
}

export interface ImageWork {
  readonly signal: AbortSignal;
  onProgress(line: string): void;
}

export interface ImageRecipe {
  readonly tag: string;
  readonly dockerfile: string;
  readonly labels: Labels;
  /** Of each step that runs something. */
  readonly network: string;
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
}

export interface Exec {
  readonly command: readonly string[];
  readonly isRunning: boolean;
  readonly exitCode: number | null;
}

export interface Process {
  readonly command: string;
  /** Another one in the container has started it, or has it for an orphan. */
  readonly isChild: boolean;
}

export interface ExecSpec {
  readonly command: readonly string[];
  readonly environment: readonly string[];
  /** Its output goes nowhere. */
  readonly isDetached: boolean;
}

/** A layer of gigabytes is silent while it is unpacked, and a program while it works. */
const WORK_SILENCE_MS = 900_000;
/** What all drivers have to report waits for these: an engine that hangs must not silence them. */
const LIST_SILENCE_MS = 15_000;
/** Of what a container has printed. */
const OUTPUT_LINES = 20;
const OUTPUT_CHARS = 1_000;
/** The kernel's own. */
const CPU_PERIOD_US = 100_000;
/** How an engine writes that something never was. */
const NEVER = '0001-01-01T';
const REMOVING_POLL_MS = 100;
const REMOVING_POLLS = 600;

const labelsReply = z
  .record(z.string(), z.string())
  .nullish()
  .transform((labels) => labels ?? {});
const containersReply = z.array(
  z
    .object({
      Id: z.string(),
      Names: z.array(z.string()).nullable(),
      State: z.string(),
      Labels: labelsReply,
    })
    .transform(({ Id: id, Names, State: state, Labels: labels }): Container => ({
      id,
      // Those with a second slash are what other containers call it.
      name: (Names?.find((name) => name.lastIndexOf('/') <= 0) ?? '').replace(/^\//, ''),
      state,
      labels,
    })),
);
const lifeReply = z
  .object({
    RestartCount: z.int(),
    State: z.object({
      Running: z.boolean(),
      Restarting: z.boolean(),
      Paused: z.boolean(),
      ExitCode: z.int(),
      StartedAt: z.string(),
    }),
  })
  .transform(({ RestartCount: restarts, State }): Life => ({
    isRunning: State.Running && !State.Restarting,
    hasProcesses: State.Running || State.Restarting || State.Paused,
    hasRun: !State.StartedAt.startsWith(NEVER),
    restarts,
    exitCode: State.ExitCode,
  }));
const endReply = z.object({ StatusCode: z.int() }).transform(({ StatusCode }) => StatusCode);
const volumeReply = z
  .object({ Name: z.string(), Labels: labelsReply })
  .transform(({ Name: name, Labels: labels }): Volume => ({ name, labels }));
const volumesReply = z
  .object({ Volumes: z.array(volumeReply).nullish() })
  .transform(({ Volumes }) => Volumes ?? []);
const madeReply = z.object({ Id: z.string() }).transform(({ Id }) => Id);
const imagesReply = z
  .array(z.object({ RepoTags: z.array(z.string()).nullish() }))
  .transform((images) => images.flatMap(({ RepoTags }) => RepoTags ?? []));
const execReply = z
  .object({
    Running: z.boolean(),
    ExitCode: z.number().nullish(),
    ProcessConfig: z.object({ entrypoint: z.string(), arguments: z.array(z.string()).nullish() }),
  })
  .transform(({ Running, ExitCode, ProcessConfig }): Exec => ({
    command: [ProcessConfig.entrypoint, ...(ProcessConfig.arguments ?? [])],
    isRunning: Running,
    exitCode: ExitCode ?? null,
  }));
const execIdsReply = z
  .object({ ExecIDs: z.array(z.string()).nullish() })
  .transform(({ ExecIDs }) => ExecIDs ?? []);
const processesReply = z
  .object({
    Titles: z.array(z.string()).nullish(),
    Processes: z.array(z.array(z.string())).nullish(),
  })
  .transform(({ Titles, Processes }): readonly Process[] => {
    const [pid, parent] = ['PID', 'PPID'].map((title) => (Titles ?? []).indexOf(title));
    const rows = Processes ?? [];
    const pids = new Set(rows.map((row) => row[pid ?? -1]));
    return rows.map((row) => ({
      command: row.at(-1) ?? '',
      isChild: pids.has(row[parent ?? -1] ?? ''),
    }));
  });
/** One line of what a pull or a build says. */
const progressReply = z.object({
  error: z.string().optional(),
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  progress: z.string().optional(),
});

export function createEngine(clock: Pick<Clock, 'sleep'>, transport: Transport): Engine {
  const ask = async <T>(reply: z.ZodType<T>, call: EngineCall): Promise<T> =>
    reply.parse(await transport.call(call));
  const tell = async (call: EngineCall): Promise<void> => {
    await transport.call(call);
  };
  const removed = (call: EngineCall): Promise<void> =>
    tell(call).catch((error: unknown) => {
      if (!isRefused(error, 404)) throw error;
    });
  const follow = async (work: ImageWork, call: Omit<EngineCall, 'signal'>): Promise<void> => {
    let failure: string | undefined;
    await transport.stream({ ...call, signal: work.signal, silenceMs: WORK_SILENCE_MS }, (line) => {
      const said = parseProgress(line);
      failure ??= said.error;
      const text = said.stream ?? lineOf(said);
      for (const one of text.split(/\r?\n/)) if (one.trim() !== '') work.onProgress(one);
    });
    if (failure !== undefined) throw new EngineRefusal(500, failure);
  };

  const readExec = (id: string): Promise<Exec> =>
    ask(execReply, { method: 'GET', path: `/exec/${id}/json` });

  return {
    address: transport.address.text,
    listContainers: (labels) =>
      ask(containersReply, {
        method: 'GET',
        path: '/containers/json',
        query: { all: '1', filters: labelFilter(labels) },
        silenceMs: LIST_SILENCE_MS,
      }),
    readLife: (container) =>
      ask(lifeReply, { method: 'GET', path: `/containers/${container}/json` }),
    createContainer: (name, spec) =>
      ask(madeReply, { method: 'POST', path: '/containers/create', query: { name }, body: spec }),
    startContainer: (id) => tell({ method: 'POST', path: `/containers/${id}/start` }),
    awaitEnd: (id, signal) =>
      ask(endReply, { method: 'POST', path: `/containers/${id}/wait`, signal }),
    readOutput: async (id) => {
      const lines: string[] = [];
      let room = OUTPUT_CHARS;
      const query = { stdout: '1', stderr: '1', tail: String(OUTPUT_LINES) };
      await transport.stream({ method: 'GET', path: `/containers/${id}/logs`, query }, (line) => {
        if (room <= 0) return;
        const part = line.trim().slice(0, room);
        lines.push(part);
        // One that is empty takes room too.
        room -= part.length + 1;
      });
      return lines;
    },
    stopContainer: (id, graceSeconds) =>
      removed({
        method: 'POST',
        path: `/containers/${id}/stop`,
        query: { t: String(graceSeconds) },
      }),
    unpauseContainer: (id) => tell({ method: 'POST', path: `/containers/${id}/unpause` }),
    renameContainer: (id, name) =>
      tell({ method: 'POST', path: `/containers/${id}/rename`, query: { name } }),
    removeContainer: async (id) => {
      for (let poll = 0; ; poll++) {
        try {
          await removed({
            method: 'DELETE',
            path: `/containers/${id}`,
            query: { force: '1', v: '1' },
          });
          return;
        } catch (error) {
          // Somebody's removal is under way: the call of an earlier life, say.
          if (!isRefused(error, 409) || poll === REMOVING_POLLS) throw error;
          await clock.sleep(REMOVING_POLL_MS);
        }
      }
    },
    putFiles: (id, tar) =>
      tell({ method: 'PUT', path: `/containers/${id}/archive`, query: { path: '/' }, body: tar }),
    listVolumes: (labels) =>
      ask(volumesReply, {
        method: 'GET',
        path: '/volumes',
        query: { filters: labelFilter(labels) },
        silenceMs: LIST_SILENCE_MS,
      }),
    createVolume: (name, labels) =>
      ask(volumeReply, {
        method: 'POST',
        path: '/volumes/create',
        body: { Name: name, Labels: labels },
      }),
    removeVolume: (name) => removed({ method: 'DELETE', path: `/volumes/${name}` }),
    findImage: async (name) => {
      try {
        return await ask(madeReply, { method: 'GET', path: `/images/${name}/json` });
      } catch (error) {
        if (isRefused(error, 404)) return undefined;
        throw error;
      }
    },
    listImages: (labels) =>
      ask(imagesReply, {
        method: 'GET',
        path: '/images/json',
        query: { filters: labelFilter(labels) },
      }),
    removeImage: async (name) => {
      try {
        await removed({ method: 'DELETE', path: `/images/${name}` });
        return true;
      } catch (error) {
        if (isRefused(error, 409)) return false;
        throw error;
      }
    },
    pullImage: (name, work) =>
      follow(work, { method: 'POST', path: '/images/create', query: { fromImage: name } }),
    buildImage: (context, recipe, work) =>
      follow(work, { method: 'POST', path: '/build', query: buildQuery(recipe), body: context }),
    createExec: (containerId, { command, environment, isDetached }) =>
      ask(madeReply, {
        method: 'POST',
        path: `/containers/${containerId}/exec`,
        body: {
          Cmd: command,
          Env: environment,
          AttachStdout: !isDetached,
          AttachStderr: !isDetached,
        },
      }),
    runExec: (id, signal) =>
      transport.stream(
        {
          method: 'POST',
          path: `/exec/${id}/start`,
          body: { Detach: false },
          signal,
          silenceMs: WORK_SILENCE_MS,
        },
        () => undefined,
      ),
    detachExec: (id) => tell({ method: 'POST', path: `/exec/${id}/start`, body: { Detach: true } }),
    readExec,
    listExecs: async (containerId) => {
      const call = { method: 'GET', path: `/containers/${containerId}/json` } as const;
      const execs = await Promise.all(
        (await ask(execIdsReply, call)).map((id) =>
          readExec(id).catch((error: unknown) => {
            // It has ended meanwhile.
            if (isRefused(error, 404)) return undefined;
            throw error;
          }),
        ),
      );
      return execs.filter((exec) => exec !== undefined);
    },
    listProcesses: (containerId) =>
      ask(processesReply, { method: 'GET', path: `/containers/${containerId}/top` }),
  };
}

export function isRefused(error: unknown, status: number): error is EngineRefusal {
  return error instanceof EngineRefusal && error.status === status;
}

function buildQuery(recipe: ImageRecipe): Readonly<Record<string, string>> {
  const { tag, dockerfile, labels, network, memoryBytes, cpus } = recipe;
  const memory = String(memoryBytes);
  return {
    ...{ t: tag, dockerfile, labels: JSON.stringify(labels), rm: '1', forcerm: '1' },
    networkmode: network,
    ...(memoryBytes === null ? {} : { memory, memswap: memory }),
    ...(cpus === null
      ? {}
      : {
          cpuperiod: String(CPU_PERIOD_US),
          // The kernel takes no less than a millisecond.
          cpuquota: String(Math.max(1_000, Math.round(cpus * CPU_PERIOD_US))),
        }),
  };
}

function labelFilter(labels: Labels): string {
  return JSON.stringify({
    label: Object.entries(labels).map(([name, value]) => `${name}=${value}`),
  });
}

function parseProgress(line: string): z.output<typeof progressReply> {
  try {
    return progressReply.parse(JSON.parse(line));
  } catch {
    return {}; // of a form that newer engines may add
  }
}

/** Without the bar that moves: a log has no use for a line per second and layer. */
function lineOf({ id, status, progress }: z.output<typeof progressReply>): string {
  if (status === undefined || progress !== undefined) return '';
  return id === undefined ? status : `${id}: ${status}`;
}
