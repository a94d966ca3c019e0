// Starting a workspace at its owner's request: with the version that it has, or with the active one of its template
// where it is to be updated automatically.
import { AppError } from '../base/app-error.ts';
import type { ErrorCode } from '../base/error-catalog.ts';
import type { WorkspaceId } from '../base/id.ts';
import { findLatestBuild } from '../store/workspace.ts';
import { beginChange, beginOne, lockForChange, stands } from './change-workspace.ts';
import { beginRebuild, type RebuildDeps } from './rebuild-workspace.ts';
import type { Requester } from './request.ts';

/** What an update is refused for, and a start of the same version is not. */
export const UPDATE_REFUSALS: readonly ErrorCode[] = [
  'PARAMETERS_INVALID',
  'DRIVER_CHANGED',
  'MACHINE_UNFIT',
  'TEMPLATE_NOT_READY',
];

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
    await beginRebuild(deps, tx, { requester, rebuild, reason: 'start' }).catch(asOfStart);
  });
}

/** Whoever only wanted it started may not know that it is to be updated. */
export function asOfStart(error: unknown): never {
  if (!(error instanceof AppError) || !UPDATE_REFUSALS.includes(error.code)) throw error;
  throw new AppError(
    error.code,
    {
      detail: `each start is to be an update of this workspace, and it cannot be updated: ${error.detail}`,
      hint: 'Give it what is missing with `standby workspace update`, or `standby workspace set --automatic-updates never` and start it as it is.',
      fields: error.fields,
    },
    { cause: error },
  );
}
