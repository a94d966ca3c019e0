// Canceling starts that nobody has taken. Nothing can exist for them, so their workspaces are deleted
// on the spot: a delete job would find nothing to do.
import {
  createId,
  type BuildId,
  type JobId,
  type PresetId,
  type WorkspaceId,
} from '../../base/id.ts';
import { insertBuilds } from '../../store/build.ts';
import { removeMembers } from '../../store/live-pool/grow.ts';
import { voidTrial } from '../../store/pool-brakes.ts';
import {
  cancelPendingJobs,
  lockPendingStarts,
  markWorkspacesDeleted,
} from '../../store/prebuild.ts';
import { deleteBuild } from '../../store/delete-build.ts';
import { tell, type Acting, type Done, type PoolHappening } from './acting.ts';

const REASON = 'not_wanted';

export async function cancelPending(
  acting: Acting,
  { presetId, count }: { readonly presetId: PresetId; readonly count: number },
): Promise<Done> {
  const { kit, tx } = acting;
  const pending = await lockPendingStarts.all(tx, { presetId, limit: count });
  if (pending.length > 0) {
    const builds = pending.map((last) =>
      deleteBuild(last, {
        id: createId<BuildId>(kit),
        jobId: createId<JobId>(kit),
        reason: REASON,
      }),
    );
    const workspaceIds = pending.map(({ workspaceId }) => workspaceId);
    await insertBuilds(tx, builds);
    cancelPendingJobs.later(tx, {
      canceled: pending.map(({ jobId }) => jobId),
      deletes: builds.map(({ jobId }) => jobId),
    });
    markWorkspacesDeleted.later(tx, { workspaceIds });
    removeMembers.later(tx, { workspaceIds });
    tell(acting, [
      ...workspaceIds.map((workspaceId) => ({ kind: 'canceled', workspaceId, reason: REASON })),
      ...(await endTrial(acting, workspaceIds)),
    ]);
    for (const { workspaceId, jobId } of pending) {
      tx.notify({ kind: 'workspace', workspaceId }, { kind: 'job', jobId });
    }
  }
  return {
    event: 'pool.canceled',
    level: 'info',
    count: pending.length,
    // What is missing was taken meanwhile.
    fields: { preset: presetId, count: pending.length, taken_meanwhile: count - pending.length },
  };
}

/**
 * A trial that the pool itself cancels ends with it. Left to the next reconcile, it would count as being
 * tried for as long as nobody looked, and the pool would wait for its verdict.
 */
async function endTrial(
  { tx, pool }: Acting,
  workspaceIds: readonly WorkspaceId[],
): Promise<readonly PoolHappening[]> {
  const trial = pool.world.brakes?.limit?.trialWorkspaceId ?? null;
  if (trial === null || !workspaceIds.includes(trial)) return [];
  const ended = await voidTrial.run(tx, { poolId: pool.id, workspaceIds });
  return ended > 0 ? [{ kind: 'trial_voided', workspaceId: null }] : [];
}
