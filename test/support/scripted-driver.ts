// A driver whose infrastructure is a set of names in memory, and whose work ends when a test says so.
import type {
  Build,
  ChangeListener,
  Driver,
  DriverContext,
  Machine,
} from '../../src/provisioner/driver.ts';
import { createDeferred, type Deferred } from './deferred.ts';

export interface ScriptedDriver extends Driver {
  readonly machine: Machine;
  /** What exists, by workspace id, with the attempt that made it. */
  readonly world: ReadonlyMap<string, string>;
  /** Starts that wait for `finish`, oldest first. */
  readonly working: readonly Working[];
  readonly most: number;
  readonly done: readonly string[];
  readonly undone: readonly string[];
  ringChanged(): void;
}

export interface Working extends Deferred<undefined> {
  readonly build: Build;
  readonly context: DriverContext;
}

export function createScriptedDriver(options: { readonly waits?: boolean } = {}): ScriptedDriver {
  const world = new Map<string, string>();
  const working: Working[] = [];
  const done: string[] = [];
  const undone: string[] = [];
  let listener: ChangeListener = () => undefined;
  let most = 0;
  const nameOf = (of: { readonly jobId: string; readonly attempt: number }): string =>
    `${of.jobId}/${of.attempt}`;

  const wait = async (build: Build, context: DriverContext): Promise<void> => {
    const entry = { ...createDeferred<undefined>(), build, context };
    working.push(entry);
    most = Math.max(most, working.length);
    const aborted = new Promise<never>((_resolve, reject) => {
      context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
    });
    try {
      await Promise.race([entry.promise, aborted]);
    } finally {
      working.splice(working.indexOf(entry), 1);
    }
  };

  return {
    name: 'scripted',
    world,
    working,
    done,
    undone,
    get most() {
      return most;
    },
    ringChanged: () => listener('soon'),
    check: async (_template, context) => {
      await context.templateFolder();
    },
    start: async (build, context) => {
      const { id } = build.workspace;
      context.log('info', `building ${id}`);
      if (options.waits === true) await wait(build, context);
      if (!world.has(id)) world.set(id, nameOf(build));
      context.log('info', 'built');
      return { outputs: { url: `http://${id}/` } };
    },
    stop: async () => undefined,
    delete: async ({ workspace }) => void world.delete(workspace.id),
    undo: async (attempt) => {
      undone.push(nameOf(attempt));
      for (const [id, madeBy] of world) if (madeBy === nameOf(attempt)) world.delete(id);
    },
    machine: {
      open: async () => undefined,
      close: async () => undefined,
      inspect: async () =>
        [...world.keys()].map((id) => ({ id, state: 'running', ready: null }) as const),
      onChange: (changed) => {
        listener = changed;
      },
      restart: async (id) => void done.push(`restart ${id}`),
      remove: async (id) => {
        done.push(`remove ${id}`);
        world.delete(id);
      },
    },
  };
}
