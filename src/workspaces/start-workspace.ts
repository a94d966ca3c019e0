// Starting a workspace at its owner's request: with the version that it has, or with the active one of its template
// where it is to be updated automatically.
import type { WorkspaceId } from '../base/id.ts';
import { findLatestBuild } from '../store/workspace.ts';
import { beginChange, beginOne, lockForChange, stands } from './change-workspace.ts';
import { beginRebuild, type RebuildDeps } from './rebuild-workspace.ts';
import type { Requester } from './request.ts';

/**
 * Does nothing when the latest build is a start that stands. Throws what `changeWorkspace` throws, and for one that is
 * to be updated what `rebuildWorkspace` throws.
 */
export async function startWorkspace(
  deps: RebuildDeps,
  requester: Requester,
  id: WorkspaceId,
): Promise<void> {
  await beginOne(deps.database, id, async (tx) => {
    const workspace = await lockForChange(tx, requester, id);
    if (workspace.automaticUpdates === 'never') {
      await beginChange(deps, tx, { requester, workspace, change: { id, transition: 'start' } });
      return;
    }
    const latest = await findLatestBuild.one(tx, { workspaceId: id });
    if (stands(latest, 'start')) return;
    const rebuild = { id, updates: true, parameters: {} };
    await beginRebuild(deps, tx, { requester, rebuild, reason: 'start' });
  });
}
