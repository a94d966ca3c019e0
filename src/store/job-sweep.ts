// Jobs that nobody works on any more, or nobody will. Each statement finds them, or with an id tells
// whether that one still is such a job, for the second look under its lock.
import type { JobId } from '../base/id.ts';
import { uuid } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { DAEMON_FITS_JOB } from './job-fit.ts';
import { statement, takes } from './statement.ts';

interface SweepArgs {
  /** Null: all of them. */
  readonly id: JobId | null;
  readonly afterMs: number;
  readonly limit: number;
}

/** Held by a daemon, without a sign of life for `afterMs`; reads the active ones by jobs_active_idx. */
export const findSilentJobs = statement({
  name: 'job.find_silent',
  takes: takes<SweepArgs>(),
  gives: { id: uuid<JobId>() },
  sql: `
    select id
    from jobs
    where status in ('running', 'canceling')
      and heartbeat_at < (select standby_now()) - make_interval(secs => $afterMs::float8 / 1000)
      ${ifGiven('and id = $id::uuid')}
    order by heartbeat_at
    limit $limit::integer`,
});

/** Held by a daemon whose key was revoked: nobody can report about them any more. */
export const findRevokedJobs = statement({
  name: 'job.find_revoked',
  takes: takes<Omit<SweepArgs, 'afterMs'>>(),
  gives: { id: uuid<JobId>() },
  sql: `
    select j.id
    from provisioner_keys k
    join daemons d on d.key_id = k.id
    join jobs j on j.daemon_id = d.id
    where k.revoked_at is not null
      and j.status in ('running', 'canceling')
      ${ifGiven('and j.id = $id::uuid')}
    order by j.id
    limit $limit::integer`,
});

/**
 * Never taken for `afterMs`, while no daemon was seen that could have; uses jobs_pending_idx. A
 * daemon is judged by what it offers now.
 */
export const findUnservedJobs = statement({
  name: 'job.find_unserved',
  takes: takes<SweepArgs>(),
  gives: { id: uuid<JobId>() },
  sql: `
    with clock as materialized (
      select (select standby_now()) - make_interval(secs => $afterMs::float8 / 1000) as since
    )
    select j.id
    from jobs j
    where j.status = 'pending'
      and j.attempt = 0
      and j.created_at < (select since from clock)
      ${ifGiven('and j.id = $id::uuid')}
      and not exists (
        select
        from daemons d
        where d.last_seen_at >= (select since from clock)
          and ${DAEMON_FITS_JOB})
    order by j.created_at
    limit $limit::integer`,
});
