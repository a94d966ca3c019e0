// Jobs as people see them.
import type { JobId, OrganizationId, UserId } from '../base/id.ts';
import type { OutdatedDaemon } from '../domain/job/protocol.ts';
import type { JobStatus, JobType, Transition } from '../domain/job/job.ts';
import { bool, instant, int, json, nullable, oneOf, text, uuid, type RowOf } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
import { DAEMON_FITS_JOB, DAEMON_OFFERS_JOB } from './job-fit.ts';
import { statement, takes, type Executor } from './statement.ts';

const columns = {
  id: uuid<JobId>(),
  type: oneOf<JobType>(),
  status: oneOf<JobStatus>(),
  organization: text,
  driver: text,
  tags: json<Readonly<Record<string, string>>>(),
  machineId: nullable(text),
  minProtocolVersion: int,
  initiatorId: uuid<UserId>(),
  initiator: text,
  attempt: int,
  daemon: nullable(text),
  createdAt: instant,
  acquiredAt: nullable(instant),
  completedAt: nullable(instant),
  error: nullable(text),
  errorCode: nullable(text),
  logTruncated: bool,
  logPruned: bool,
  /** Null unless it is a workspace's build. */
  build:
    nullable(
      json<{
        readonly workspace: string;
        readonly owner: string;
        readonly transition: Transition;
        readonly number: number;
        /** Why it was begun. */
        readonly reason: string;
      }>(),
    ),
  /** Null unless it is a version's import. */
  version: nullable(json<{ readonly template: string; readonly name: string }>()),
  /** Null unless it is the rehearsal of a preset's claim. */
  rehearsal:
    nullable(json<{ readonly template: string; readonly name: string; readonly preset: string }>()),
  // Of a pending job.
  fittingDaemonSeen: bool,
  outdatedDaemons: json<readonly OutdatedDaemon[]>(),
  machineSeen: bool,
};

export type JobRow = RowOf<typeof columns>;

const SELECT_JOBS = `
  select j.id, j.type, j.status, o.name as organization, j.driver, j.tags, j.machine_id,
    j.min_protocol_version,
    j.initiator_id, initiator.username as initiator, j.attempt, holder.name as daemon, j.created_at, j.acquired_at,
    j.completed_at, j.error, j.error_code, j.log_truncated,
    j.log_pruned_at is not null as log_pruned,
    case when b.id is not null then jsonb_build_object(
      'workspace', w.name,
      'owner', owner.username,
      'transition', b.transition,
      'number', b.number,
      'reason', b.reason) end as build,
    case when v.id is not null then jsonb_build_object(
      'template', t.name,
      'name', v.name) end as version,
    case when j.type = 'rehearsal' then (
      select jsonb_build_object('template', t.name, 'name', v.name, 'preset', p.name)
      from rehearsals r
      join presets p on p.id = r.preset_id
      join template_versions v on v.id = p.version_id
      join templates t on t.id = v.template_id
      where r.job_id = j.id) end as rehearsal,
    j.status = 'pending' and exists (
      select
      from daemons d
      where ${DAEMON_IS_SEEN}
        and ${DAEMON_FITS_JOB}) as fitting_daemon_seen,
    case when j.status = 'pending' and j.min_protocol_version > 1 then (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('name', d.name, 'protocolVersion', d.protocol_version)
          order by d.name, d.id),
        '[]')
      from daemons d
      where ${DAEMON_IS_SEEN}
        and ${DAEMON_OFFERS_JOB}
        and d.protocol_version < j.min_protocol_version) else '[]' end as outdated_daemons,
    j.status = 'pending' and exists (
      select
      from daemons d
      where ${DAEMON_IS_SEEN}
        and d.machine_id = j.machine_id) as machine_seen
  from jobs j
  join organizations o on o.id = j.organization_id
  join users initiator on initiator.id = j.initiator_id
  left join daemons holder on holder.id = j.daemon_id
  left join builds b on b.job_id = j.id
  left join workspaces w on w.id = b.workspace_id
  left join users owner on owner.id = w.owner_id
  left join template_versions v on v.import_job_id = j.id
  left join templates t on t.id = v.template_id`;

export interface JobPage {
  readonly organizationId: OrganizationId;
  /** Null: of any. */
  readonly status: JobStatus | null;
  /** Null: from the newest on. */
  readonly before: JobId | null;
  readonly limit: number;
}

// By jobs_organization_id_idx. Few have not ended, and are found by indexes of their own: these are only used
// where the text says which they are.
const list = statement({
  name: 'job.list',
  takes: takes<JobPage & { readonly isPending: boolean; readonly isHeld: boolean }>(),
  gives: columns,
  sql: `
    ${SELECT_JOBS}
    where j.organization_id = $organizationId
      ${ifGiven('and j.status = $status::text')}
      ${ifGiven("and $isPending::boolean and j.status = 'pending'")}
      ${ifGiven("and $isHeld::boolean and j.status in ('running', 'canceling')")}
      ${ifGiven('and j.id < $before::uuid')}
    order by j.id desc
    limit $limit::integer`,
});

/** The jobs of these ids, in no order. */
export const listJobsById = statement({
  name: 'job.list_by_id',
  takes: takes<{ readonly ids: readonly JobId[] }>(),
  gives: columns,
  sql: `
    ${SELECT_JOBS}
    where j.id = any ($ids::uuid[])`,
});

/** The job, if the user may see it: a member of its organization, or anybody where `asMember` is null. */
export const findVisibleJob = statement({
  name: 'job.find_visible',
  takes: takes<{ readonly id: JobId; readonly asMember: UserId | null }>(),
  gives: columns,
  sql: `
    ${SELECT_JOBS}
    where j.id = $id
      ${ifGiven(`and exists (
        select
        from memberships m
        where m.organization_id = j.organization_id
          and m.user_id = $asMember::uuid)`)}`,
});

/** Newest first; ids are ordered by time. */
export function listJobs(on: Executor, page: JobPage): Promise<readonly JobRow[]> {
  const { status } = page;
  return list.all(on, {
    ...page,
    isPending: status === 'pending',
    isHeld: status === 'running' || status === 'canceling',
  });
}
