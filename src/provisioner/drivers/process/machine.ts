// Looks after the workspaces of this machine between jobs: settles what an earlier life of the daemon
// left half done, watches who lives, and repeats ready checks.
import { readdir } from 'node:fs/promises';
import { createService } from '../../../base/service.ts';
import { isUuid } from '../../../base/id.ts';
import type { KeyedMutex } from '../../../base/keyed-mutex.ts';
import { writePrivateFile } from '../../../base/private-file.ts';
import type { ReportBody } from '../../../contract/provisioner/protocol.ts';
import type { Machine } from '../../driver.ts';
import { layoutOf } from './layout.ts';
import { endProcesses, MARK } from './processes.ts';
import { findMarked } from '../../marked-process.ts';
import { isReady } from './ready-check.ts';
import { readRecord, type WorkspaceRecord } from './record.ts';
import { isAlive, removeWorkspace, restartWorkspace, type WorkspaceDeps } from './workspace.ts';

export interface MachineOptions {
  readonly folder: string;
  readonly folderOf: (workspaceId: string) => string;
  readonly turns: KeyedMutex;
}

export interface ProcessMachine extends Machine {
  /** Something was done that a report would tell. */
  changed(): void;
}

type Reported = ReportBody['workspaces'][number];

const WATCH_MS = 1_000;

export function createMachine(deps: WorkspaceDeps, options: MachineOptions): ProcessMachine {
  const { kit } = deps;
  const { folderOf, turns } = options;
  const listeners = new Set<() => void>();
  const ready = new Map<string, boolean>();
  let told = '';

  const tell = (): void => {
    for (const listener of listeners) listener();
  };

  const inspect = async (): Promise<Reported[]> => {
    const reported: Reported[] = [];
    for (const { id, record } of await listRecords(options)) {
      // What a job is at work on is that job's to tell.
      if (record === undefined || turns.isBusy(id) || !isSettled(record)) continue;
      reported.push({
        id,
        state: stateOf(record),
        ready: record.ready && (ready.get(id) ?? false),
      });
    }
    return reported;
  };

  const checkAll = async (): Promise<void> => {
    for (const { id, record } of await listRecords(options)) {
      if (record === undefined || record.ready === null) continue;
      const { port, ready: check } = record;
      const layout = layoutOf(folderOf(id));
      const { environment } = deps;
      ready.set(
        id,
        isAlive(record) && (await isReady(kit.clock, { check, port, layout, environment })),
      );
    }
  };

  const watch = createService(kit.clock, {
    name: 'process-watch',
    start: async ({ signal, background }) => {
      const run = async (): Promise<void> => {
        while (!signal.aborted) {
          try {
            await checkAll();
            const now = JSON.stringify(await inspect());
            if (now !== told) tell();
            told = now;
          } catch (error) {
            kit.log.error('process.watch_failed', { error });
          }
          await kit.clock.sleep(WATCH_MS, signal).catch(() => undefined);
        }
      };
      background(run());
    },
  });

  return {
    open: async () => {
      await settle(deps, options);
      await watch.start();
    },
    close: async () => {
      await watch.stop('the daemon stops', CLOSE_MS);
    },
    inspect,
    onChange: (listener) => {
      listeners.add(listener);
    },
    changed: tell,
    restart: (id) =>
      turns.run(id, async () => {
        kit.log.info('process.restarting', { workspaceId: id });
        await restartWorkspace(deps, folderOf(id));
      }),
    remove: (id) =>
      turns.run(id, async () => {
        ready.delete(id);
        await removeWorkspace(deps, folderOf(id));
      }),
  };
}

const CLOSE_MS = 5_000;

/** Half-made and half-removed workspaces go, and processes that belong to none. */
async function settle(deps: WorkspaceDeps, options: MachineOptions): Promise<void> {
  const records = await listRecords(options);
  for (const { id, record } of records) {
    const folder = options.folderOf(id);
    if (record === undefined || !isSettled(record)) await removeWorkspace(deps, folder);
    // The control plane may listen elsewhere now.
    else await writePrivateFile(layoutOf(folder).url, `${deps.url}\n`);
  }
  if (process.platform !== 'linux') return;
  const kept = new Map(records.map(({ id, record }) => [options.folderOf(id), record]));
  const marked = findMarked(MARK, (folder) => folder.startsWith(`${options.folder}/`));
  for (const folder of marked.keys()) {
    // Alive without their supervisor they would be in the way of a restart.
    const record = kept.get(folder);
    if (record === undefined || !isAlive(record)) await endProcesses(deps.kit.clock, folder, null);
  }
}

/** Not in the middle of a first start or of a removal. */
function isSettled(record: WorkspaceRecord): boolean {
  return record.complete && record.phase !== 'deleting';
}

function stateOf(record: WorkspaceRecord): Reported['state'] {
  if (record.phase === 'stopped') return 'stopped';
  return isAlive(record) ? 'running' : 'gone';
}

async function listRecords({
  folder,
  folderOf,
}: MachineOptions): Promise<
  readonly { readonly id: string; readonly record: WorkspaceRecord | undefined }[]
> {
  const ids = (await readdir(folder).catch(() => [])).filter((name) => isUuid(name));
  return Promise.all(
    ids.map(async (id) => ({ id, record: await readRecord(layoutOf(folderOf(id)).record) })),
  );
}
