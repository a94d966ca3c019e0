// Takes away what was left half made or half removed, and keeps hold of what stays: at the start of a
// daemon for all that its former life left, and now and then for what could not be done at once.
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isUuid } from '../../../base/id.ts';
import type { KeyedMutex } from '../../../base/keyed-mutex.ts';
import { layoutOf } from './layout.ts';
import { findMarked } from '../../marked-process.ts';
import { endProcesses, MARK, removeGroup } from './processes.ts';
import { readRecord, type WorkspaceRecord } from './record.ts';
import { endDeps, isAlive, removeWorkspace, tellUrl, type WorkspaceDeps } from './workspace.ts';

export interface WorkspaceFolders {
  /** The folder that holds them. */
  readonly folder: string;
  readonly folderOf: (workspaceId: string) => string;
  /** A job, a report and a watch may want the same workspace at once. */
  readonly turns: KeyedMutex;
}

export interface FoundWorkspace {
  readonly id: string;
  /** Undefined: there is none, so it is half made. */
  readonly record: WorkspaceRecord | 'unreadable' | undefined;
}

export async function listWorkspaces(
  folders: Pick<WorkspaceFolders, 'folder'>,
): Promise<readonly FoundWorkspace[]> {
  const ids = (await readdir(folders.folder).catch(() => [])).filter((name) => isUuid(name));
  return Promise.all(
    ids.map(async (id): Promise<FoundWorkspace> => {
      const file = layoutOf(path.join(folders.folder, id)).record;
      return { id, record: await readRecord(file).catch(() => 'unreadable' as const) };
    }),
  );
}

/** Not in the middle of a first start or of a removal. */
export function isSettled(record: WorkspaceRecord): boolean {
  return record.complete && record.phase !== 'deleting';
}

/** Settles each that no job is at work on. One that fails is logged and keeps none of the others. */
export async function settleWorkspaces(
  deps: WorkspaceDeps,
  folders: WorkspaceFolders,
): Promise<void> {
  for (const { id, record } of await listWorkspaces(folders)) {
    if (folders.turns.isBusy(id)) continue;
    const folder = folders.folderOf(id);
    try {
      if (record === 'unreadable')
        await readRecord(layoutOf(folder).record); // throws why
      else if (record !== undefined && isSettled(record)) await keepHold(deps, folder, record);
      else await folders.turns.run(id, () => removeUnsettled(deps, folder));
    } catch (error) {
      deps.kit.log.error('process.settle_failed', { workspaceId: id, error });
    }
  }
}

async function removeUnsettled(deps: WorkspaceDeps, folder: string): Promise<void> {
  const record = await readRecord(layoutOf(folder).record);
  if (record === undefined || !isSettled(record)) await removeWorkspace(deps, folder);
}

async function keepHold(
  deps: WorkspaceDeps,
  folder: string,
  { port }: WorkspaceRecord,
): Promise<void> {
  const { kit, ports } = deps;
  if ((await ports.hold(port, folder)) === 'lost') {
    kit.log.error('process.port_lost', { folder, port });
  }
  await tellUrl(deps, layoutOf(folder));
}

/**
 * Ends processes that belong to no workspace here, to one without its supervisor, or to one whose
 * folder is another by now: put back from a copy, it knows nothing of what they have done since.
 */
export async function endStrays(
  deps: Pick<WorkspaceDeps, 'kit' | 'groups'>,
  folders: WorkspaceFolders,
): Promise<void> {
  if (process.platform !== 'linux') return;
  const records = new Map(
    (await listWorkspaces(folders)).map(({ id, record }) => [folders.folderOf(id), record]),
  );
  // Ended is what the folder names: its group, its children. That of no workspace names whatever somebody has put there.
  const marked = findMarked(MARK, (one) => isFolderOf(folders, one)).outside;
  const grouped = deps.groups.list().filter(isUuid).map(folders.folderOf);
  for (const folder of new Set([...marked.keys(), ...grouped])) {
    // Alive without their supervisor they would be in the way of a restart.
    const record = records.get(folder);
    if (record === 'unreadable') continue;
    if (record !== undefined && isAlive(record) && worksIn(record, folder)) continue;
    try {
      await endProcesses(endDeps(deps), folder, record?.supervisor ?? null);
      if (record === undefined) await removeGroup(endDeps(deps), folder);
    } catch (error) {
      deps.kit.log.error('process.stray_not_ended', { folder, error });
    }
  }
}

function isFolderOf({ folderOf }: WorkspaceFolders, folder: string): boolean {
  const id = path.basename(folder);
  return isUuid(id) && folder === folderOf(id);
}

/** True in doubt. */
function worksIn({ supervisor }: WorkspaceRecord, folder: string): boolean {
  if (supervisor === null) return false;
  try {
    const [is, works] = [statSync(folder), statSync(`/proc/${supervisor.pid}/cwd`)];
    return is.ino === works.ino && is.dev === works.dev;
  } catch {
    return true; // gone just now, or not to be seen
  }
}
