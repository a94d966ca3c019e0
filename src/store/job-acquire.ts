// Handing jobs to daemons that wait, in one statement.
import type {
  AcquireCallId,
  DaemonId,
  JobId,
  OrganizationId,
  ProvisionerKeyId,
  SecretParametersId,
  UserId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { JobType, Stage, Transition } from '../domain/job/job.ts';
import { CREATIONS_LOCK } from './advisory-lock.ts';
import { bool, jsonText, text, uuid, type RowOf } from './column.ts';
import { DAEMON_IS_FRESH } from './daemon-seen.ts';
import {
  AFTER_REPORTS,
  BEFORE_CREATIONS,
  CREATIONS,
  FOR_ONE_DAEMON,
  GROUP_FITS_JOB,
  WITH_CREATIONS,
  type Pick,
} from './job-pick.ts';
import { REPORTED, type finishLoneJobs, type ReportsArgs } from './job-finish-lone.ts';
import { statement, takes } from './statement.ts';

export interface TakenJob {
  readonly id: JobId;
  readonly attempt: number;
  readonly type: JobType;
  readonly driver: string;
  readonly organizationId: OrganizationId;
  readonly template: string;
  readonly versionId: VersionId;
  /** 1 claims, 2 people, 3 pool deletes, 4 creations; as it was queued. */
  readonly class: number;
  /** From being queued to being taken. */
  readonly waitedMs: number;
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
  readonly secretParametersId: SecretParametersId | null;
}

/** What a group of daemons that wait for the same kind of work have in common. */
export interface SharedOffer {
  /** Null: every organization's. */
  readonly organizationId: OrganizationId | null;
  readonly drivers: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly protocolVersion: number;
}

/** One slot of a daemon that waits. */
export interface WaitingSlot {
  readonly daemonId: DaemonId;
  readonly keyId: ProvisionerKeyId;
  readonly incarnation: number;
  readonly machineId: string;
  readonly callId: AcquireCallId;
}

export interface HandedJob {
  /** Which of the waiting slots, counted from 1. */
  readonly place: number;
  readonly job: TakenJob;
}

/** Its daemon was replaced, or its key was revoked: it gets nothing. */
export interface RefusedSlot {
  /** As above. */
  readonly place: number;
  readonly keyRevoked: boolean;
}

type Reported = RowOf<typeof finishLoneJobs.columns>;

interface FitArgs {
  readonly organizationId: OrganizationId | null;
  readonly drivers: readonly string[];
  readonly tags: string;
  readonly protocolVersion: number;
  readonly machineIds: readonly string[];
}

interface TakeOfOneArgs extends FitArgs {
  readonly daemonId: DaemonId;
  readonly keyId: ProvisionerKeyId;
  readonly incarnation: number;
  readonly callIds: readonly AcquireCallId[];
  readonly machineBoundDrivers: readonly string[];
}

interface TakeArgs extends FitArgs {
  readonly daemonIds: readonly DaemonId[];
  readonly keyIds: readonly ProvisionerKeyId[];
  readonly incarnations: readonly number[];
  readonly callIds: readonly AcquireCallId[];
  readonly machineBoundDrivers: readonly string[];
}

interface TakeCreationsArgs extends TakeArgs {
  /** Whose creations are locked. */
  readonly creationsOf: readonly OrganizationId[];
  /** Creations that may run at once per organization; null: all slots but one. */
  readonly maxCreations: number | null;
}

const taken = {
  isMoreLikely: bool,
  isHeldBack: bool,
  handed: jsonText<readonly HandedJob[]>(),
  refused: jsonText<readonly RefusedSlot[]>(),
};

/**
 * Hands the first jobs that fit to slots that wait, as many as there are of either: oldest of the
 * most urgent class first; waiting lifts a job, but never among the claims.
 *
 * A daemon is locked before it gets a job: registration and handing out take turns, so that a process
 * that was replaced gets nothing afterwards. Lock order: pending jobs, which nobody is waited for,
 * then daemons by id. A look that finds nothing writes nothing.
 *
 * The plan must be one that is kept: to make it takes 1.5 ms, and to run it less than 1. Most of that is
 * for the parts that the plan has, however few rows pass through them: so there are several of them,
 * and what only builds have is read by a part that only builds go through.
 */
const takeSql = ({ queries, isHeldBack, isMoreLikely, refused }: Pick, more = ''): string => `
    with ${queries.trimStart()}, noted as (
      update daemons d
      set last_seen_at = (select standby_now())
      where d.id in (select id from holders)
        and not ${DAEMON_IS_FRESH}
    ), taken as (
      update jobs j
      set attempt = j.attempt + 1,
        acquired_at = h.now,
        heartbeat_at = h.now,
        daemon_id = h.id,
        taken_by_call = h.call_id,
        taken_by_incarnation = h.incarnation,
        machine_id = case
          when j.type = 'workspace_build' and j.driver = any ($machineBoundDrivers::text[])
            then h.machine_id
          else j.machine_id
        end
      from holders h
      where j.id = h.job_id
      returning h.place, j.id, j.attempt, j.type, j.driver, j.organization_id, j.class,
        extract(epoch from j.acquired_at - j.created_at) * 1000 as waited_ms,
        coalesce(
          (select b.version_id from builds b where b.job_id = j.id),
          (select v.id from template_versions v where v.import_job_id = j.id)) as version_id
    ), handed as (
      select taken.place,
        json_build_object(
          'id', taken.id,
          'attempt', taken.attempt,
          'type', taken.type,
          'driver', taken.driver,
          'organizationId', taken.organization_id,
          'class', taken.class,
          'waitedMs', taken.waited_ms,
          'template', t.name,
          'versionId', v.id,
          'fileHash', encode(v.file_hash, 'hex'),
          'manifest', v.manifest,
          'build', case when taken.type = 'workspace_build' then (
            select json_build_object(
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
              'parameters', b.parameters,
              'secretParametersId', b.secret_parameters_id)
            from builds b
            join workspaces w on w.id = b.workspace_id
            join organizations o on o.id = taken.organization_id
            join users u on u.id = w.owner_id
            where b.job_id = taken.id) end) as job
      from taken
      left join template_versions v on v.id = taken.version_id
      left join templates t on t.id = v.template_id
    )
    select ${isMoreLikely} as is_more_likely,
      ${isHeldBack} as is_held_back,
      coalesce((
        select json_agg(json_build_object('place', place, 'job', job))
        from handed), '[]'::json) as handed,
      coalesce((
        select json_agg(json_build_object('place', place, 'keyRevoked', key_revoked))
        from (${refused}) as refused), '[]'::json) as refused${more}`;

/** For slots of one daemon; takes nothing while a creation waits, or what waiting has lifted. */
export const takeJobsOfOne = statement({
  name: 'job.take_of_one',
  takes: takes<TakeOfOneArgs>(),
  gives: taken,
  sql: takeSql(FOR_ONE_DAEMON),
});

/**
 * Stores reports of one daemon about jobs that are about nothing but themselves, and hands the slots whose
 * reports it has stored the next ones: with one commit, and half of what the two statements cost. A slot of
 * another report gets nothing.
 */
export const takeJobsAfterReports = statement({
  name: 'job.take_after_reports',
  takes: takes<TakeOfOneArgs & ReportsArgs>(),
  gives: { ...taken, reported: jsonText<readonly Reported[]>() },
  sql: takeSql(
    AFTER_REPORTS,
    `,
      coalesce((
        select json_agg(json_build_object(
          'place', place, 'workspaceId', workspace_id, 'isFinished', is_finished))
        from (${REPORTED}) as reported), '[]'::json) as reported`,
  ),
});

/** For slots of any daemons; takes nothing while a creation waits. */
export const takeJobs = statement({
  name: 'job.take',
  takes: takes<TakeArgs>(),
  gives: taken,
  sql: takeSql(BEFORE_CREATIONS),
});

/** The same with the creations that lockCreations has locked. */
export const takeJobsAndCreations = statement({
  name: 'job.take_creations',
  takes: takes<TakeCreationsArgs>(),
  gives: taken,
  sql: takeSql(WITH_CREATIONS),
});

/** Whether there is anything to hand out, and any creation: a tenth of the work of finding out what. */
export const anyJobFits = statement({
  name: 'job.any_fits',
  takes: takes<FitArgs>(),
  gives: { fits: bool, creationFits: bool },
  sql: `
    select exists (
        select
        from jobs j
        where ${GROUP_FITS_JOB}) as fits,
      exists (
        select
        from jobs j
        where j.class = ${CREATIONS}
          and ${GROUP_FITS_JOB}) as creation_fits`,
});

/**
 * Makes handing out creations take turns, organization by organization, until the end of the
 * transaction, and gives the organizations. The count of those that run is read by a later statement:
 * one that waited for a lock sees the world of before.
 */
export const lockCreations = statement({
  name: 'job.lock_creations',
  takes: takes<FitArgs>(),
  gives: { organizationId: uuid<OrganizationId>(), locked: text },
  sql: `
    select o.id as organization_id,
      pg_advisory_xact_lock(${CREATIONS_LOCK}, hashtext(o.id::text))::text as locked
    from (
      select distinct j.organization_id as id
      from jobs j
      where j.class = ${CREATIONS}
        and ${GROUP_FITS_JOB}
      order by id
    ) as o`,
});
