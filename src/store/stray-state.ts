// Stray states: what overtaken attempts made beyond the current state, until it is destroyed.
import type {
  DaemonId,
  DataKeyId,
  JobId,
  OrganizationId,
  StrayStateId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { TakenBuild } from './job-acquire.ts';
import { bool, bytes, int, json, text, uuid } from './column.ts';
import { statement, takes, type NoArgs } from './statement.ts';

interface NewStray {
  readonly id: StrayStateId;
  readonly workspaceId: WorkspaceId;
  readonly lockNumber: number;
  readonly incarnation: number;
  readonly sequence: number;
  readonly keyId: DataKeyId;
  readonly sealed: Buffer;
}

/** A later state of the same attempt names all that an earlier one did: that is replaced, unless a job has it. */
export const insertStrayState = statement({
  name: 'stray_state.insert',
  takes: takes<NewStray>(),
  gives: {},
  sql: `
    with superseded as (
      delete from stray_states
      where workspace_id = $workspaceId
        and lock_number = $lockNumber
        and job_id is null
    )
    insert into stray_states
      (id, workspace_id, lock_number, incarnation, sequence, key_id, sealed, created_at)
    values ($id, $workspaceId, $lockNumber, $incarnation, $sequence, $keyId, $sealed,
      standby_now())`,
});

/**
 * Queues the job that destroys the oldest stray that is due: when no build is under way, and after a job that failed
 * ever later, from one minute to one hour, for ever. It runs where the attempt ran that made it.
 */
export const queueStrayCleanup = statement({
  name: 'stray_state.queue_cleanup',
  takes: takes<{ readonly jobId: JobId }>(),
  gives: { organizationId: uuid<OrganizationId>(), driver: text, workspaceId: uuid<WorkspaceId>() },
  sql: `
    with due as materialized (
      select s.id, s.workspace_id, made.organization_id, made.driver, made.tags, made.machine_id,
        made.initiator_id, made.min_protocol_version
      from stray_states s
      join state_locks l on l.workspace_id = s.workspace_id and l.number = s.lock_number
      join jobs made on made.id = l.job_id
      left join jobs former on former.id = s.job_id
      where s.destroyed_at is null
        -- A build under way may just be making what the current state does not name yet.
        and not exists (
          select
          from builds b
          join jobs j on j.id = b.job_id
          where b.workspace_id = s.workspace_id
            and j.completed_at is null)
        -- Asked of the stray's own row too: when another look has just given it a job, the row is locked as it is
        -- now beside the former job as it was, and no former job would say that it is nobody's.
        and case
          when s.job_id is null then true
          else former.completed_at
            < (select standby_now()) - least(interval '1 minute' * 2 ^ (s.tries - 1), interval '1 hour')
        end
      order by s.created_at, s.id
      limit 1
      for update of s skip locked
    ), queued as (
      insert into jobs
        (id, type, organization_id, driver, tags, machine_id, initiator_id, class,
         min_protocol_version, created_at)
      select $jobId, 'stray_cleanup', organization_id, driver, tags, machine_id, initiator_id, 3,
        min_protocol_version, standby_now()
      from due
      returning id
    )
    update stray_states s
    set job_id = queued.id,
      tries = s.tries + 1
    from due, queued
    where s.id = due.id
    returning due.organization_id, due.driver, due.workspace_id`,
});

/** What a cleanup is about: the version and the workspace of the build that made the stray. */
export const findStrayBuild = statement({
  name: 'stray_state.find_build',
  takes: takes<{ readonly jobId: JobId }>(),
  gives: {
    template: text,
    versionId: uuid<VersionId>(),
    fileHash: text,
    manifest: json<unknown>(),
    build: json<TakenBuild>(),
  },
  sql: `
    select t.name as template, v.id as version_id, encode(v.file_hash, 'hex') as file_hash,
      v.manifest,
      jsonb_build_object(
        'workspaceId', w.id,
        'name', w.name,
        'organization', o.name,
        'ownerId', u.id,
        'username', u.username,
        'displayName', u.display_name,
        'email', u.email,
        'ownerIsSystem', u.is_system,
        'epoch', w.epoch,
        'transition', 'delete',
        'stage', b.stage,
        'number', b.number,
        'parameters', b.parameters,
        'secretParametersId', b.secret_parameters_id) as build
    from stray_states s
    join state_locks l on l.workspace_id = s.workspace_id and l.number = s.lock_number
    join builds b on b.job_id = l.job_id
    join workspaces w on w.id = s.workspace_id
    join organizations o on o.id = w.organization_id
    join users u on u.id = w.owner_id
    join template_versions v on v.id = b.version_id
    join templates t on t.id = v.template_id
    where s.job_id = $jobId`,
});

/** The stray that a daemon's running cleanup is about, and whether a build of its workspace is under way. */
export const findStrayOfJob = statement({
  name: 'stray_state.find_of_job',
  takes: takes<{ readonly jobId: JobId; readonly attempt: number; readonly daemonId: DaemonId }>(),
  gives: {
    workspaceId: uuid<WorkspaceId>(),
    lockNumber: int,
    keyId: uuid<DataKeyId>(),
    sealed: bytes,
    isBuilding: bool,
  },
  sql: `
    select s.workspace_id, s.lock_number, s.key_id, s.sealed,
      exists (
        select
        from builds b
        join jobs building on building.id = b.job_id
        where b.workspace_id = s.workspace_id
          and building.completed_at is null) as is_building
    from stray_states s
    join jobs j on j.id = s.job_id
    where j.id = $jobId
      and j.attempt = $attempt
      and j.daemon_id = $daemonId
      and j.status in ('running', 'canceling')`,
});

/** A job that a daemon does now and that destroys what a stray of the workspace names. */
export const findRunningCleanup = statement({
  name: 'stray_state.find_running_cleanup',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: { jobId: uuid<JobId>() },
  sql: `
    select j.id as job_id
    from stray_states s
    join jobs j on j.id = s.job_id
    where s.workspace_id = $workspaceId
      and j.status in ('running', 'canceling')
    limit 1`,
});

export const markStrayDestroyed = statement({
  name: 'stray_state.mark_destroyed',
  takes: takes<{ readonly jobId: JobId }>(),
  gives: {},
  sql: `
    update stray_states
    set destroyed_at = (select standby_now())
    where job_id = $jobId
      and destroyed_at is null`,
});

/** Destroyed ones say nothing more after a day. */
export const removeDestroyedStrays = statement({
  name: 'stray_state.remove_destroyed',
  takes: takes<NoArgs>(),
  gives: {},
  sql: `
    delete from stray_states
    where destroyed_at < (select standby_now()) - interval '1 day'`,
});
