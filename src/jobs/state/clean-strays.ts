// Has stray states destroyed, each by a job of its own.
import { createId, type JobId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { Database } from '../../store/database.ts';
import { queueStrayCleanup, removeDestroyedStrays } from '../../store/stray-state.ts';

/** Strays are rare; a sweep that finds more leaves the rest to the next. */
const BATCH = 20;

/** Gives the jobs it has queued. */
export async function queueStrayCleanups({
  database,
  ...kit
}: Kit & { readonly database: Database }): Promise<readonly JobId[]> {
  const queued: JobId[] = [];
  while (queued.length < BATCH) {
    const jobId = createId<JobId>(kit);
    const due = await queueStrayCleanup.maybe(database, { jobId });
    if (due === undefined) break;
    const { organizationId, driver, workspaceId } = due;
    kit.log.warn('state.stray_cleanup_queued', { jobId, workspaceId });
    database.announce([{ kind: 'queue', organizationId, driver }]);
    queued.push(jobId);
  }
  await removeDestroyedStrays.run(database, {});
  return queued;
}
