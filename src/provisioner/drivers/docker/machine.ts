// Looks after the workspaces of the engine between jobs: settles what an earlier life of the daemon left
// half done, watches who lives, and has ready checks repeated.
import type { KeyedMutex } from '../../../base/keyed-mutex.ts';
import { createService } from '../../../base/service.ts';
import type { ReportBody } from '../../../contract/provisioner/protocol.ts';
import type { ChangeListener, Machine } from '../../driver.ts';
import { createCrashLoops } from '../../ready/crash-loop.ts';
import { createReadyWatch, type Checked } from '../../ready/watch.ts';
import type { Container } from './engine/engine.ts';
import { containerMarkOf, markOf } from './mark.ts';
import { checkOf } from './ready-check.ts';
import { isAlive, runningOf, stoppedOf, survey, type Found } from './survey.ts';
import type { WorkspaceDeps } from './work.ts';
import {
  isSettled,
  removeWorkspace,
  restartWorkspace,
  settleWorkspace,
  type Brought,
} from './workspace.ts';

export interface DockerMachine extends Machine {
  /** A job has brought a workspace to life, and its work is about to end. */
  started(brought: Brought): void;
  /** A job's work at a workspace has ended, and its turn is about to. */
  worked(workspaceId: string): void;
}

/** What the engine has, and of which of these workspaces that is the whole truth. */
interface Sight {
  readonly found: ReadonlyMap<string, Found>;
  readonly quiet: ReadonlySet<string>;
}

type Reported = ReportBody['workspaces'][number];

const WATCH_MS = 1_000;
/** For what a job could not remove. */
const SETTLE_MS = 60_000;
/** What a workspace may be without an agent that has ended. */
const AGENTS_MS = 5_000;
const CLOSE_MS = 5_000;

/** `turns`: a job, a report and a watch may want the same workspace at once. */
export function createMachine(deps: WorkspaceDeps, turns: KeyedMutex): DockerMachine {
  const { kit, engine, publishAddress } = deps;
  const listeners = new Set<ChangeListener>();
  let told = '';
  let isAway = false;
  /** How often a job's work has ended, and the count at which each workspace's last did during a look. */
  let works = 0;
  const workedAt = new Map<string, number>();
  let looks = 0;
  let isWatching = false;

  const tell: ChangeListener = (report) => {
    for (const listener of listeners) listener(report);
  };
  const readyWatch = createReadyWatch(kit.clock, () => tell('at once'));
  const check = (container: Pick<Container, 'id' | 'labels'>): Checked | undefined =>
    checkOf({ ...kit, engine, publishAddress }, container);
  const crashLoops = createCrashLoops(kit.clock);

  /** Undefined while the engine is away: then nobody knows how the workspaces are. */
  const lookAround = async (): Promise<Sight | undefined> => {
    const begun = works;
    looks += 1;
    try {
      const found = await survey(engine, await deps.identify());
      if (isAway) kit.log.info('docker.engine_back', { engine: engine.address });
      isAway = false;
      const ids = [...found.keys()];
      // What a job does is its own to tell, and the engine may have told of it halfway.
      const isQuiet = (id: string): boolean =>
        !turns.isBusy(id) && (workedAt.get(id) ?? 0) <= begun;
      return { found, quiet: new Set(ids.filter((id) => isQuiet(id))) };
    } catch (error) {
      if (!isAway) kit.log.error('docker.engine_away', { engine: engine.address, error });
      isAway = true;
      return undefined;
    } finally {
      looks -= 1;
      if (looks === 0) workedAt.clear();
    }
  };

  const describe = ({ found, quiet }: Sight): Reported[] =>
    [...found].flatMap(([id, one]): Reported[] => {
      if (!quiet.has(id) || !isSettled(one)) return [];
      const container = runningOf(one);
      if (container !== undefined) return [describeRunning(id, container)];
      const state = stoppedOf(one) === undefined ? 'gone' : 'stopped';
      return [{ id, state, ready: null }];
    });

  const describeRunning = (id: string, container: Container): Reported => {
    const mark = containerMarkOf(container);
    const hasCheck = (mark?.ready ?? null) !== null;
    const ready = hasCheck ? readyWatch.isReady(container.id) : null;
    // A check or an agent tells by itself that nothing is up.
    const isLoop = !hasCheck && mark?.agents.length === 0 && crashLoops.has(container.id);
    return { id, state: isAlive(container) && !isLoop ? 'running' : 'gone', ready };
  };

  const aliveOf = ({ found }: Sight): readonly Container[] =>
    [...found.values()].flatMap((one) => runningOf(one) ?? []).filter(isAlive);

  const look = async (): Promise<void> => {
    // What a job begins to check meanwhile the engine may not have told of.
    const former = readyWatch.followed();
    const sight = await lookAround();
    if (sight === undefined) return;
    const alive = aliveOf(sight);
    const waiting = alive.filter(({ state }) => state === 'restarting');
    crashLoops.noteWaiting(waiting.map(({ id }) => id));
    const checked = alive.flatMap((container): [string, Checked][] => {
      const one = check(container);
      return one === undefined ? [] : [[container.id, one]];
    });
    readyWatch.follow(new Map(checked), former);
    const now = JSON.stringify(describe(sight));
    if (now !== told) tell('soon');
    told = now;
  };

  const settle = async (): Promise<void> => {
    const sight = await lookAround();
    if (sight === undefined) return;
    for (const [id, found] of sight.found) {
      if (turns.isBusy(id) || isSettled(found)) continue;
      try {
        await turns.run(id, () => settleWorkspace(deps, id));
      } catch (error) {
        kit.log.error('docker.settle_failed', { workspaceId: id, error });
      }
    }
    await deps.agentRuntimes
      .sweep()
      .catch((error: unknown) => kit.log.error('docker.sweep_failed', { error }));
  };

  /** A program that ends, and a container that comes back by itself, has none. */
  const keepAgents = async (): Promise<void> => {
    const sight = await lookAround();
    for (const container of sight === undefined ? [] : aliveOf(sight)) {
      try {
        await deps.agents.ensure(container);
      } catch (error) {
        const { workspaceId } = markOf(container);
        kit.log.error('docker.agents_not_started', { workspaceId, error });
      }
    }
  };

  /** What was ready before an end says nothing of the life after it, and no look may have seen that end. */
  const started = ({ container, wasAlive }: Brought): void => {
    if (!wasAlive) readyWatch.forget(container.id);
    const one = check(container);
    if (isWatching && one !== undefined) readyWatch.begin(container.id, one);
  };

  const watch = createService(kit.clock, {
    name: 'docker-watch',
    start: async ({ signal, background }) => {
      const repeat = async (work: () => Promise<void>, everyMs: number): Promise<void> => {
        while (!signal.aborted) {
          await work();
          await kit.clock.sleep(everyMs, signal).catch(() => undefined); // the loop ends then
        }
      };
      isWatching = true;
      await settle();
      background(repeat(look, WATCH_MS));
      background(repeat(settle, SETTLE_MS));
      background(repeat(keepAgents, AGENTS_MS));
    },
    stop: async () => {
      isWatching = false;
      readyWatch.follow(new Map());
    },
  });

  return {
    open: () => watch.start(),
    close: async () => {
      await watch.stop('the daemon stops', CLOSE_MS);
    },
    inspect: async () => {
      const sight = await lookAround();
      return sight === undefined ? [] : describe(sight);
    },
    onChange: (listener) => {
      listeners.add(listener);
    },
    started,
    worked: (id) => {
      works += 1;
      if (looks > 0) workedAt.set(id, works);
      tell('soon');
    },
    restart: (id) =>
      turns.run(id, async () => {
        kit.log.info('docker.restarting', { workspaceId: id });
        const brought = await restartWorkspace(deps, id);
        if (brought !== undefined) started(brought);
      }),
    remove: (id) => turns.run(id, () => removeWorkspace(deps, id)),
  };
}
