// Taking away the logs of jobs that ended long ago, a few rows at a time. The jobs stay.
import type { JobId } from '../base/id.ts';
import { uuid } from './column.ts';
import { statement, takes } from './statement.ts';

/** Ended longer ago than `afterMs`, and not pruned yet, oldest first; uses jobs_unpruned_idx. */
export const findPrunableJobs = statement({
  name: 'job.find_prunable',
  takes: takes<{ readonly afterMs: number; readonly limit: number }>(),
  gives: { id: uuid<JobId>() },
  sql: `
    select id
    from jobs
    where completed_at < (select standby_now()) - make_interval(secs => $afterMs::float8 / 1000)
      and log_pruned_at is null
    order by completed_at
    limit $limit::integer`,
});

/**
 * Deletes some lines of a job, and gives their number. Passes over what another replica is deleting. Found in their order,
 * which the primary key has, and deleted by where they lie: joined by their keys, all that is left was read each time.
 */
export const deleteLogLines = statement({
  name: 'job_log.delete',
  takes: takes<{ readonly jobId: JobId; readonly limit: number }>(),
  gives: {},
  sql: `
    with doomed as materialized (
      select ctid as at
      from job_logs
      where job_id = $jobId
      order by attempt, seq
      limit $limit::integer
      for update skip locked
    )
    delete from job_logs
    where ctid = any (array(select at from doomed))`,
});

/** Notes that nothing is left of a job's log, if that is so. */
export const markLogPruned = statement({
  name: 'job.mark_log_pruned',
  takes: takes<{ readonly jobId: JobId }>(),
  gives: {},
  sql: `
    update jobs
    set log_pruned_at = (select standby_now())
    where id = $jobId
      and log_pruned_at is null
      and not exists (select from job_logs where job_id = $jobId)`,
});
