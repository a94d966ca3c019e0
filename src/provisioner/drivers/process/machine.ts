// Looks after the workspaces of this machine between jobs: settles what an earlier life of the daemon
// left half done, watches who lives, and has ready checks repeated.
import { formatIdentity } from '../../../base/process-identity.ts';
import { createService } from '../../../base/service.ts';
import type { ReportBody } from '../../../contract/provisioner/protocol.ts';
import type { ChangeListener, Machine } from '../../driver.ts';
import { createCrashLoops } from '../../ready/crash-loop.ts';
import { createReadyWatch, type Checked } from '../../ready/watch.ts';
import { layoutOf } from './layout.ts';
import { isWaiting } from './processes.ts';
import { isReady } from './ready-check.ts';
import type { WorkspaceRecord } from './record.ts';
import {
  endStrays,
  isSettled,
  listWorkspaces,
  settleWorkspaces,
  type FoundWorkspace,
  type WorkspaceFolders,
} from './settle.ts';
import { isAlive, removeWorkspace, restartWorkspace, type WorkspaceDeps } from './workspace.ts';

export interface ProcessMachine extends Machine {
  /** Something was done that a report would tell. */
  changed(): void;
}

type Reported = ReportBody['workspaces'][number];

const WATCH_MS = 1_000;
/** For what a job could not remove, and ports whose reservation somebody took away. */
const SETTLE_MS = 60_000;
const CLOSE_MS = 5_000;

export function createMachine(deps: WorkspaceDeps, folders: WorkspaceFolders): ProcessMachine {
  const { kit } = deps;
  const { folderOf, turns } = folders;
  const listeners = new Set<ChangeListener>();
  let told = '';

  const tell: ChangeListener = (report) => {
    for (const listener of listeners) listener(report);
  };
  const readyWatch = createReadyWatch(kit.clock, () => tell('at once'));
  const crashLoops = createCrashLoops(kit.clock);

  const describe = (found: readonly FoundWorkspace[]): Reported[] =>
    found.flatMap(({ id, record }): Reported[] => {
      // What a job is at work on is that job's to tell.
      if (record === undefined || turns.isBusy(id)) return [];
      if (record === 'unreadable') return [{ id, state: 'gone', ready: null }];
      if (!isSettled(record)) return [];
      const ready = record.ready === null ? null : readyWatch.isReady(checkName(id, record));
      const state = stateOf(record);
      return [{ id, state: state === 'running' && crashLoops.has(id) ? 'gone' : state, ready }];
    });

  const followChecks = (found: readonly FoundWorkspace[]): void => {
    const checked = new Map<string, Checked>();
    for (const { id, record } of found) {
      if (record === undefined || record === 'unreadable') continue;
      if (record.ready === null || !isAlive(record)) continue;
      const { port, ready: check } = record;
      const layout = layoutOf(folderOf(id));
      const name = checkName(id, record);
      // Once it is stopped nothing runs in it, not even until the next look.
      const isWanted = (): boolean => !turns.isBusy(id) && isAlive(record);
      const workspace = { check, port, layout, groups: deps.groups, isWanted };
      checked.set(name, {
        check,
        isReady: async (signal) =>
          (isWanted() ? await isReady(workspace, signal) : undefined) ?? readyWatch.isReady(name),
      });
    }
    readyWatch.follow(checked);
  };

  /** A check or an agent tells by itself that nothing is up. */
  const noteWaiting = (found: readonly FoundWorkspace[]): void => {
    const waiting = found.filter(
      ({ id, record }) =>
        record !== undefined &&
        record !== 'unreadable' &&
        record.ready === null &&
        record.hasAgents === false &&
        isAlive(record) &&
        isWaiting(folderOf(id)),
    );
    crashLoops.noteWaiting(waiting.map(({ id }) => id));
  };

  const memoryKills = new Map<string, number>();
  /** The kernel tells nobody but the group of it. */
  const noteMemoryKills = (found: readonly FoundWorkspace[]): void => {
    for (const { id } of found) {
      const kills = deps.groups.countMemoryKills(id);
      if (kills > (memoryKills.get(id) ?? 0)) {
        kit.log.warn('process.out_of_memory', { workspaceId: id, kills });
      }
      memoryKills.set(id, kills);
    }
    const ids = new Set(found.map(({ id }) => id));
    for (const id of memoryKills.keys()) if (!ids.has(id)) memoryKills.delete(id);
  };

  const look = async (): Promise<void> => {
    const found = await listWorkspaces(folders);
    noteMemoryKills(found);
    followChecks(found);
    noteWaiting(found);
    const now = JSON.stringify(describe(found));
    if (now !== told) tell('soon');
    told = now;
  };

  const watch = createService(kit.clock, {
    name: 'process-watch',
    start: async ({ signal, background }) => {
      const repeat = async (work: () => Promise<void>, everyMs: number): Promise<void> => {
        while (!signal.aborted) {
          try {
            await work();
          } catch (error) {
            kit.log.error('process.watch_failed', { error });
          }
          await kit.clock.sleep(everyMs, signal).catch(() => undefined); // the loop ends then
        }
      };
      await settleWorkspaces(deps, folders);
      await endStrays(deps, folders);
      background(repeat(look, WATCH_MS));
      background(repeat(() => settleWorkspaces(deps, folders), SETTLE_MS));
    },
    stop: async () => readyWatch.follow(new Map()),
  });

  return {
    open: () => watch.start(),
    close: async () => {
      await watch.stop('the daemon stops', CLOSE_MS);
    },
    inspect: async () => describe(await listWorkspaces(folders)),
    onChange: (listener) => {
      listeners.add(listener);
    },
    changed: () => tell('soon'),
    restart: (id) =>
      turns.run(id, async () => {
        kit.log.info('process.restarting', { workspaceId: id });
        await restartWorkspace(deps, folderOf(id));
      }),
    remove: (id) => turns.run(id, () => removeWorkspace(deps, folderOf(id))),
  };
}

/** One for each life of its supervisor: what was ready before a stop is to be ready anew. */
function checkName(id: string, { supervisor }: WorkspaceRecord): string {
  return supervisor === null ? id : `${id} ${formatIdentity(supervisor)}`;
}

function stateOf(record: WorkspaceRecord): Reported['state'] {
  if (record.phase === 'stopped') return 'stopped';
  return isAlive(record) ? 'running' : 'gone';
}
