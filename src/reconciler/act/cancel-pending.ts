// Canceling starts that nobody has taken. Nothing can exist for them, so their workspaces are deleted
// on the spot: a delete job would find nothing to do.
import { createId, type BuildId, type JobId, type PresetId } from '../../base/id.ts';
import { insertBuilds } from '../../store/build.ts';
import { removeMembers } from '../../store/live-pool/grow.ts';
import {
  cancelPendingJobs,
  lockPendingStarts,
  markWorkspacesDeleted,
} from '../../store/prebuild.ts';
import { tell, type Acting, type Done } from './acting.ts';
import { deleteBuild } from './delete.ts';

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
    await cancelPendingJobs.run(tx, {
      canceled: pending.map(({ jobId }) => jobId),
      deletes: builds.map(({ jobId }) => jobId),
    });
    await markWorkspacesDeleted.run(tx, { workspaceIds });
    await removeMembers.run(tx, { workspaceIds });
    await tell(
      acting,
      workspaceIds.map((workspaceId) => ({ kind: 'canceled', workspaceId, reason: REASON })),
    );
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
