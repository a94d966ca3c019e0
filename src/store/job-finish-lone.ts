// Ending jobs that are about nothing but themselves, many at once.
import type { DaemonId, JobId, ProvisionerKeyId, WorkspaceId } from '../base/id.ts';
import { bool, int, nullable, uuid } from './column.ts';
import { FINISHED, type ResultColumns } from './job.ts';
import { statement, takes } from './statement.ts';
import { unseen } from './unseen.ts';

/** What an attempt's holder says became of it. */
export interface AttemptReport extends ResultColumns {
  readonly id: JobId;
  readonly attempt: number;
  readonly daemonId: DaemonId;
  readonly keyId: ProvisionerKeyId;
  readonly incarnation: number;
}

export interface ReportsArgs {
  readonly ids: readonly JobId[];
  readonly attempts: readonly number[];
  readonly daemonIds: readonly DaemonId[];
  readonly keyIds: readonly ProvisionerKeyId[];
  readonly incarnations: readonly number[];
  readonly succeeded: readonly boolean[];
  readonly canceled: readonly boolean[];
  readonly errors: readonly (string | null)[];
  readonly errorCodes: readonly (string | null)[];
}

export function reportsArgs(reports: readonly AttemptReport[]): ReportsArgs {
  return {
    ids: reports.map(({ id }) => id),
    attempts: reports.map(({ attempt }) => attempt),
    daemonIds: reports.map(({ daemonId }) => daemonId),
    keyIds: reports.map(({ keyId }) => keyId),
    incarnations: reports.map(({ incarnation }) => incarnation),
    succeeded: reports.map(({ succeeded }) => succeeded),
    canceled: reports.map(({ canceled }) => canceled),
    errors: reports.map(({ error }) => error),
    errorCodes: reports.map(({ errorCode }) => errorCode),
  };
}

/**
 * Ends imports, each when the attempt counts, its holder says so and it took no longer than it may
 * (`finished`). An import's end changes nothing else, so that it needs no lock of anything else. A job that
 * somebody has locked is left as it is, so that nobody waits for another's job; of two reports about the same
 * job one counts. `daemons` is where the holders' rows are read.
 */
export const storedReports = (daemons: 'daemons' | 'daemon'): string => `
    reports as materialized (
      select id, attempt, daemon_id, key_id, incarnation, succeeded, canceled, error, error_code,
        place::integer as place
      from unnest(${unseen('$ids::uuid[]')}, ${unseen('$attempts::integer[]')},
        ${unseen('$daemonIds::uuid[]')}, ${unseen('$keyIds::uuid[]')},
        ${unseen('$incarnations::integer[]')}, ${unseen('$succeeded::boolean[]')},
        ${unseen('$canceled::boolean[]')}, ${unseen('$errors::text[]')},
        ${unseen('$errorCodes::text[]')}) with ordinality
        as r (id, attempt, daemon_id, key_id, incarnation, succeeded, canceled, error, error_code,
          place)
    ), held as materialized (
      select r.place, j.ctid as at, r.succeeded, r.canceled, r.error, r.error_code
      from reports r
      join jobs j on j.id = r.id and j.attempt = r.attempt and j.daemon_id = r.daemon_id
      join ${daemons} d
        on d.id = j.daemon_id and d.key_id = r.key_id and d.incarnation = r.incarnation
      where j.type = 'template_version_import'
        and not j.overran
        and j.acquired_at is not null
        and j.completed_at is null
      for update of j skip locked
    ), finished as (
      update jobs j
      set ${FINISHED}
      from held r
      where j.ctid = r.at
      returning r.place
    )`;

/** What became of each report; what every job is about is as findJobSubject gives it. */
export const REPORTED = `
    select r.place,
      case when f.place is null then (
        select b.workspace_id from builds b where b.job_id = r.id) end as workspace_id,
      f.place is not null as is_finished
    from reports r
    left join finished f on f.place = r.place
    where f.place is not null
      or exists (select from jobs j where j.id = r.id)`;

export const finishLoneJobs = statement({
  name: 'job.finish_lone',
  takes: takes<ReportsArgs>(),
  gives: {
    /** Which of the reports, counted from 1; none about a job that does not exist. */
    place: int,
    workspaceId: nullable(uuid<WorkspaceId>()),
    isFinished: bool,
  },
  sql: `
    with${storedReports('daemons')}
    ${REPORTED.trimStart()}`,
});
