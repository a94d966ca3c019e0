// Taking the next job for a daemon, in one statement.
import type {
  DaemonId,
  JobId,
  OrganizationId,
  ProvisionerKeyId,
  UserId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { JobType, Stage, Transition } from '../domain/job/job.ts';
import { json, nullable, text, uuid } from './column.ts';
import { DAEMON_FITS_JOB, HOME_MACHINE } from './job-fit.ts';
import { statement, takes } from './statement.ts';

/** Waiting this long lifts a job by one class. */
const SECONDS_PER_CLASS = 600;

export interface TakenJob {
  readonly id: JobId;
  readonly attempt: number;
  readonly type: JobType;
  readonly driver: string;
  readonly organizationId: OrganizationId;
  readonly template: string;
  readonly versionId: VersionId;
  /** In hex. */
  readonly fileHash: string;
  readonly manifest: unknown;
  /** Null for a job that is not a workspace's build. */
  readonly build: TakenBuild | null;
}

export interface TakenBuild {
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly organization: string;
  readonly ownerId: UserId;
  readonly username: string;
  readonly displayName: string;
  readonly email: string | null;
  readonly ownerIsSystem: boolean;
  readonly epoch: number;
  readonly transition: Transition;
  readonly stage: Stage;
  readonly number: number;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Notes the daemon's sign of life and takes the first job that fits it, oldest of the most urgent
 * class; waiting lifts a job, but never among the claims. Gives no row when the daemon is not of
 * this key and incarnation: its row's lock makes registration and acquisition take turns, so that a
 * process that was replaced gets nothing afterwards.
 *
 * `limit 1` stands in a MATERIALIZED query, which locks exactly one row; as `in (select … limit 1)`
 * a nested loop may lock many. The age makes an index order impossible; the sort is over what fits
 * of jobs_pending_idx.
 */
export const acquireNextJob = statement({
  name: 'job.acquire',
  takes: takes<{
    readonly daemonId: DaemonId;
    readonly keyId: ProvisionerKeyId;
    readonly incarnation: number;
    readonly machineBoundDrivers: readonly string[];
  }>(),
  /** Null: there was nothing to take. */
  gives: { job: nullable(json<TakenJob>()) },
  sql: `
    with d as materialized (
      update daemons
      set last_seen_at = (select standby_now())
      where id = $daemonId
        and key_id = $keyId
        and incarnation = $incarnation
      returning id, organization_id, machine_id, drivers, tags
    ), picked as materialized (
      select j.id
      from jobs j, d
      where j.status = 'pending'
        and ${DAEMON_FITS_JOB}
      order by
        case
          when j.class = 1 then 1
          else greatest(2, j.class - floor(
            extract(epoch from (select standby_now()) - j.created_at) / ${SECONDS_PER_CLASS}))
        end,
        j.created_at, j.id
      limit 1
      for update of j skip locked
    ), taken as (
      update jobs j
      set attempt = j.attempt + 1,
        acquired_at = (select standby_now()),
        heartbeat_at = (select standby_now()),
        daemon_id = d.id,
        machine_id = case
          when j.type = 'workspace_build' and j.driver = any ($machineBoundDrivers::text[])
            then d.machine_id
          else j.machine_id
        end
      from picked, d
      where j.id = picked.id
      returning j.id, j.attempt, j.type, j.driver, j.organization_id
    )
    select
      case when taken.id is not null then jsonb_build_object(
        'id', taken.id,
        'attempt', taken.attempt,
        'type', taken.type,
        'driver', taken.driver,
        'organizationId', taken.organization_id,
        'template', t.name,
        'versionId', v.id,
        'fileHash', encode(v.file_hash, 'hex'),
        'manifest', v.manifest,
        'build', case when b.id is not null then jsonb_build_object(
          'workspaceId', w.id,
          'name', w.name,
          'organization', o.name,
          'ownerId', u.id,
          'username', u.username,
          'displayName', u.display_name,
          'email', u.email,
          'ownerIsSystem', u.is_system,
          'epoch', w.epoch,
          'transition', b.transition,
          'stage', b.stage,
          'number', b.number,
          'parameters', b.parameters) end) end as job
    from d
    left join taken on true
    left join organizations o on o.id = taken.organization_id
    left join builds b on b.job_id = taken.id
    left join workspaces w on w.id = b.workspace_id
    left join users u on u.id = w.owner_id
    left join template_versions v
      on v.id = b.version_id or (b.id is null and v.import_job_id = taken.id)
    left join templates t on t.id = v.template_id`,
});

/**
 * Gives a job back that was taken for somebody who hung up before the answer. Nobody heard of the
 * attempt, so it never was: as one that was taken once, a start would count as under way for ever.
 */
export const releaseJob = statement({
  name: 'job.release',
  takes: takes<{ readonly id: JobId; readonly attempt: number }>(),
  gives: { organizationId: uuid<OrganizationId>(), driver: text },
  sql: `
    update jobs j
    set attempt = j.attempt - 1,
      acquired_at = null,
      heartbeat_at = null,
      daemon_id = null,
      machine_id = ${HOME_MACHINE}
    where j.id = $id
      and j.attempt = $attempt
      and j.status = 'running'
    returning j.organization_id, j.driver`,
});
