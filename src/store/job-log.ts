// Signs of life of attempts, and their log lines.
import type { DaemonId, JobId, ProvisionerKeyId } from '../base/id.ts';
import type { Instant } from '../base/clock.ts';
import type { JobStatus } from '../domain/job/job.ts';
import { bool, instant, int, nullable, oneOf, text, uuid } from './column.ts';
import { DAEMON_IS_FRESH } from './daemon-seen.ts';
import { statement, takes } from './statement.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * Notes a sign of life of an attempt that still counts and locks its job for storing lines; gives
 * no row for one that does not. The daemon is alive as well.
 */
export const recordJobHeartbeat = statement({
  name: 'job.record_heartbeat',
  takes: takes<{
    readonly id: JobId;
    readonly attempt: number;
    readonly daemonId: DaemonId;
    readonly keyId: ProvisionerKeyId;
    readonly incarnation: number;
  }>(),
  gives: { status: oneOf<JobStatus>(), logBytes: int, logTruncated: bool },
  sql: `
    with noted as (
      -- With all slots taken it does not wait for work, which would show that it is there.
      update daemons d
      set last_seen_at = (select standby_now())
      where d.id = $daemonId
        and d.key_id = $keyId
        and d.incarnation = $incarnation
        and not ${DAEMON_IS_FRESH}
    )
    update jobs j
    set heartbeat_at = (select standby_now())
    from daemons d
    where j.id = $id
      and j.attempt = $attempt
      and j.status in ('running', 'canceling')
      and j.daemon_id = $daemonId
      and d.id = j.daemon_id
      and d.key_id = $keyId
      and d.incarnation = $incarnation
    returning j.status, j.log_bytes, j.log_truncated`,
});

/** Who holds a job, to explain why a sign of life was refused. */
export const findJobHolder = statement({
  name: 'job.find_holder',
  takes: takes<{ readonly id: JobId }>(),
  gives: {
    status: oneOf<JobStatus>(),
    attempt: int,
    daemonId: nullable(uuid<DaemonId>()),
    keyId: nullable(uuid<ProvisionerKeyId>()),
    incarnation: nullable(int),
  },
  sql: `
    select j.status, j.attempt, j.daemon_id, d.key_id, d.incarnation
    from jobs j
    left join daemons d on d.id = j.daemon_id
    where j.id = $id`,
});

/** What a row costs beside its text, more or less: without it a log of empty lines would have no end. */
export const LINE_COST_BYTES = 64;

/**
 * Stores those of the lines that are not stored yet, up to `room` bytes: in the place of the first
 * that does not fit stands `mark`, and what follows is left out as well, so that a log has no holes.
 */
export const storeLogLines = statement({
  name: 'job_log.store',
  takes: takes<{
    readonly jobId: JobId;
    readonly attempt: number;
    readonly seqs: readonly number[];
    readonly ats: readonly Instant[];
    readonly levels: readonly LogLevel[];
    readonly lines: readonly string[];
    readonly room: number;
    /** Says to readers that the log ends here. */
    readonly mark: string;
  }>(),
  gives: { bytes: int, truncated: bool },
  sql: `
    with fresh as materialized (
      select given.*, 
        sum(octet_length(given.line) + ${LINE_COST_BYTES}) over (order by given.seq) as upto
      from (
        -- A line that is there twice in one delivery counts once.
        select distinct on (seq) seq, at, level, line
        from unnest($seqs::integer[], $ats::float8[], $levels::text[], $lines::text[])
          as given (seq, at, level, line)
        order by seq
      ) as given
      where not exists (
        select from job_logs l
        where l.job_id = $jobId and l.attempt = $attempt and l.seq = given.seq)
    ), stored as (
      insert into job_logs (job_id, attempt, seq, at, level, line)
      select $jobId, $attempt, seq, to_timestamp(at / 1000), level, line
      from fresh
      where upto <= $room::integer
    ), marked as (
      insert into job_logs (job_id, attempt, seq, at, level, line)
      select $jobId, $attempt, seq, to_timestamp(at / 1000), 'warn', $mark
      from fresh
      where upto > $room::integer
      order by seq
      limit 1
    )
    select coalesce(max(upto) filter (where upto <= $room::integer), 0)::integer as bytes,
      coalesce(bool_or(upto > $room::integer), false) as truncated
    from fresh`,
});

/** Lines that no daemon said: of a job that ends without an attempt. */
export const noteInLog = statement({
  name: 'job_log.note',
  takes: takes<{ readonly jobId: JobId; readonly lines: readonly string[] }>(),
  gives: {},
  sql: `
    insert into job_logs (job_id, attempt, seq, at, level, line)
    select $jobId, 0, number - 1, (select standby_now()), 'warn', line
    from unnest($lines::text[]) with ordinality as given (line, number)`,
});

export const countLogBytes = statement({
  name: 'job.count_log_bytes',
  takes: takes<{ readonly id: JobId; readonly bytes: number; readonly truncated: boolean }>(),
  gives: {},
  sql: `
    update jobs
    set log_bytes = log_bytes + $bytes,
      log_truncated = log_truncated or $truncated
    where id = $id`,
});

/** Lines after a position, in the order of attempts. */
export const listLogLines = statement({
  name: 'job_log.list',
  takes: takes<{
    readonly jobId: JobId;
    readonly afterAttempt: number;
    readonly afterSeq: number;
    readonly limit: number;
  }>(),
  gives: { attempt: int, seq: int, at: instant, level: oneOf<LogLevel>(), line: text },
  sql: `
    select attempt, seq, at, level, line
    from job_logs
    where job_id = $jobId
      and (attempt, seq) > ($afterAttempt::integer, $afterSeq::integer)
    order by attempt, seq
    limit $limit::integer`,
});
