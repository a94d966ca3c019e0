// Ends the processes of every workspace of a daemon that does not run. The folders stay: when the
// daemon runs again, what belongs to people is brought back in them.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isUuid } from '../../../base/id.ts';
import { layoutOf } from './layout.ts';
import { endProcesses, removeGroup, type EndDeps } from './processes.ts';
import { readRecord } from './record.ts';
import { isAlive } from './workspace.ts';

/** Gives the number of workspaces whose processes lived. */
export async function endAllWorkspaces(deps: EndDeps, folder: string): Promise<number> {
  const ids = (await readdir(folder).catch(() => [])).filter((name) => isUuid(name));
  const lived = await Promise.all(
    ids.map(async (id) => {
      const workspace = path.join(folder, id);
      // Of one whose record cannot be read the mark tells what lives.
      const record = await readRecord(layoutOf(workspace).record).catch(() => undefined);
      const alive = record !== undefined && isAlive(record);
      await endProcesses(deps, workspace, record?.supervisor ?? null);
      // Nobody would, if the data folder were removed now. Its next start has another one.
      if (deps.groups.processesIn(id).length === 0) await removeGroup(deps, workspace);
      return alive;
    }),
  );
  return lived.filter(Boolean).length;
}
