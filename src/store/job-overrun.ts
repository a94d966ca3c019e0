// Jobs that run for longer than they may.
import type { JobId } from '../base/id.ts';
import type { JobStatus, JobType } from '../domain/job/job.ts';
import { oneOf, uuid } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { statement, takes } from './statement.ts';

/**
 * Attempts that are past their limit: running ones that are to be asked to stop, and those that were
 * asked by whomever longer than `graceMs` ago and have not. With an id: whether that one still is
 * such. Uses jobs_active_idx.
 */
export const findOverrunJobs = statement({
  name: 'job.find_overrun',
  takes: takes<{
    /** Null: all of them. */
    readonly id: JobId | null;
    /** Milliseconds by job type, as JSON. */
    readonly limitsMs: string;
    readonly graceMs: number;
    readonly limit: number;
  }>(),
  gives: { id: uuid<JobId>(), type: oneOf<JobType>(), status: oneOf<JobStatus>() },
  sql: `
    select id, type, status
    from jobs
    where status in ('running', 'canceling')
      and acquired_at < (select standby_now())
        - make_interval(secs => ($limitsMs::jsonb ->> type)::float8 / 1000)
      and (status = 'running' or canceled_at
        < (select standby_now()) - make_interval(secs => $graceMs::float8 / 1000))
      ${ifGiven('and id = $id::uuid')}
    order by acquired_at
    limit $limit::integer`,
});

/** Asks the daemon of a running job to stop, because it overran. */
export const askToStopRow = statement({
  name: 'job.ask_to_stop',
  takes: takes<{ readonly id: JobId }>(),
  gives: {},
  sql: `
    update jobs
    set canceled_at = (select standby_now()),
      overran = true
    where id = $id
      and status = 'running'`,
});
