// Prebuilds that are ready to be claimed, without a daemon having built them.
import type { JobId, WorkspaceId } from '../../src/base/id.ts';
import type { Factory, TestPool } from './factory.ts';
import type { TestStore } from './store.ts';

/** Makes `count` of them; their first builds have succeeded and nothing has to prove itself. */
export async function makeReady(
  store: TestStore,
  make: Factory,
  made: { readonly pool: TestPool; readonly count: number },
): Promise<readonly WorkspaceId[]> {
  const ids: WorkspaceId[] = [];
  for (let n = 0; n < made.count; n++) {
    const { workspaceId, jobId } = await make.prebuild(made.pool);
    await finishStart(store, { workspaceId, jobId });
    ids.push(workspaceId);
  }
  return ids;
}

async function finishStart(
  store: TestStore,
  build: { readonly workspaceId: WorkspaceId; readonly jobId: JobId },
): Promise<void> {
  await store.sql(
    `update jobs
     set acquired_at = standby_now(), heartbeat_at = standby_now(), attempt = 1,
       completed_at = standby_now(), succeeded = true
     where id = $1`,
    [build.jobId],
  );
  await store.sql(
    `update pool_members m
     set running_since = j.completed_at, born_at = j.acquired_at, ready = true
     from jobs j
     where j.id = $1 and m.workspace_id = $2`,
    [build.jobId, build.workspaceId],
  );
}
