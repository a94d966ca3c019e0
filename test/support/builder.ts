// Stands in for daemons: takes pending jobs and ends them the way the job queue does, without HTTP.
import type { JobId, PoolId, WorkspaceId } from '../../src/base/id.ts';
import { finishJob } from '../../src/jobs/finish-job.ts';
import { lockJob } from '../../src/jobs/locked-job.ts';
import type { JobResult } from '../../src/domain/job/job.ts';
import type { TestStore } from './store.ts';

export interface TakenBuild {
  readonly jobId: JobId;
  readonly workspaceId: WorkspaceId;
  readonly transition: 'start' | 'stop' | 'delete';
}

export interface Builder {
  /** Takes pending builds, oldest first; of one pool when given. */
  take(given?: {
    readonly poolId?: PoolId;
    readonly limit?: number;
  }): Promise<readonly TakenBuild[]>;
  finish(jobId: JobId, result: JobResult): Promise<void>;
  /** Takes and ends everything that waits, and says how many that were. */
  buildAll(result?: JobResult): Promise<number>;
}

export const SUCCEEDED: JobResult = { outcome: 'succeeded', outputs: {} };
export const FAILED: JobResult = { outcome: 'failed', error: 'broken', errorCode: 'build_failed' };

export function createBuilder(store: TestStore): Builder {
  const { kit, database } = store;
  const take: Builder['take'] = ({ poolId = null, limit = 1_000 } = {}) =>
    store.sql<TakenBuild>(
      `with picked as materialized (
         select j.id
         from jobs j
         join builds b on b.job_id = j.id
         join workspaces w on w.id = b.workspace_id
         where j.status = 'pending' and ($1::uuid is null or w.pool_id = $1)
         order by j.created_at, j.id
         limit $2
         for update of j skip locked
       ), taken as (
         update jobs
         set attempt = attempt + 1, acquired_at = standby_now(), heartbeat_at = standby_now()
         from picked
         where jobs.id = picked.id
         returning jobs.id
       )
       select b.job_id as "jobId", b.workspace_id as "workspaceId", b.transition
       from taken
       join builds b on b.job_id = taken.id`,
      [poolId, limit],
    );
  const finish: Builder['finish'] = (jobId, result) =>
    database.transaction(async (tx) => {
      const locked = await lockJob(tx, jobId);
      if (locked === undefined) throw new Error(`no job ${jobId}`);
      await finishJob(kit, tx, { locked, result });
    });
  return {
    take,
    finish,
    buildAll: async (result = SUCCEEDED) => {
      const taken = await take();
      for (const { jobId } of taken) await finish(jobId, result);
      return taken.length;
    },
  };
}
