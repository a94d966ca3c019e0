// A job's life after it was queued: locked, ended, queued again, canceled.
// Lock order: pool member, workspace, build, job. Who holds a job's row wants none of the former.
import type {
  AcquireCallId,
  BuildId,
  DaemonId,
  DataKeyId,
  JobId,
  OrganizationId,
  PoolId,
  PresetId,
  ProvisionerKeyId,
  WorkspaceId,
} from '../base/id.ts';
import type { JobStatus, JobType, Stage, Transition } from '../domain/job/job.ts';
import { bool, instant, int, json, nullable, oneOf, text, uuid, type RowOf } from './column.ts';
import { HOME_MACHINE } from './job-fit.ts';
import { lifeAfterBuild } from './life.ts';
import { statement, takes } from './statement.ts';

export interface ResultColumns {
  readonly succeeded: boolean;
  readonly canceled: boolean;
  readonly error: string | null;
  readonly errorCode: string | null;
}

/** On `jobs j`, by a result `r`. */
export const FINISHED = `
      completed_at = (select standby_now()),
      succeeded = r.succeeded,
      -- A daemon may stop an attempt that nobody asked it to stop.
      canceled_at = case
        when r.canceled then coalesce(j.canceled_at, (select standby_now()))
        else j.canceled_at
      end,
      error = r.error,
      error_code = r.error_code`;

/** What a job is about; this never changes, so it can be read before anything is locked. */
export const findJobSubject = statement({
  name: 'job.find_subject',
  takes: takes<{ readonly id: JobId }>(),
  gives: { workspaceId: nullable(uuid<WorkspaceId>()) },
  sql: `
    select b.workspace_id
    from jobs j
    left join builds b on b.job_id = j.id
    where j.id = $id`,
});

const builtWorkspaceColumns = {
  id: uuid<WorkspaceId>(),
  origin: oneOf<'prebuild' | 'user'>(),
  poolId: nullable(uuid<PoolId>()),
  epoch: int,
  /** It is still the pool's. */
  isMember: bool,
};

/**
 * Locks the workspace that a job builds, behind its member: what is locked of a join is so when a row of it
 * is found, and for that the member has to be there.
 */
export const lockBuiltWorkspace = statement({
  name: 'workspace.lock_built',
  takes: takes<{ readonly id: WorkspaceId }>(),
  gives: builtWorkspaceColumns,
  sql: `
    with member as materialized (
      select
      from pool_members
      where workspace_id = $id
      for update
    )
    select w.id, w.origin, w.pool_id, w.epoch, m.is_member
    from workspaces w
    cross join (select count(*) > 0 as is_member from member) as m
    where w.id = $id
    for no key update of w`,
});

export type BuiltWorkspace = RowOf<typeof builtWorkspaceColumns>;

const lockedJobColumns = {
  id: uuid<JobId>(),
  type: oneOf<JobType>(),
  status: oneOf<JobStatus>(),
  organizationId: uuid<OrganizationId>(),
  driver: text,
  machineId: nullable(text),
  attempt: int,
  takenByCall: nullable(uuid<AcquireCallId>()),
  /** Of the daemon that holds it: which of its processes took it. */
  takenByIncarnation: nullable(int),
  daemonId: nullable(uuid<DaemonId>()),
  /** Of the daemon that holds it, as it is now. */
  keyId: nullable(uuid<ProvisionerKeyId>()),
  incarnation: nullable(int),
  /** It was asked to stop because it ran for too long. */
  overran: bool,
  error: nullable(text),
  errorCode: nullable(text),
  buildId: nullable(uuid<BuildId>()),
  number: nullable(int),
  transition: nullable(oneOf<Transition>()),
  stage: nullable(oneOf<Stage>()),
  presetId: nullable(uuid<PresetId>()),
  outputs: nullable(json<Readonly<Record<string, string>>>()),
};

/**
 * Locks a job. Waits for whoever holds it: what passes over a locked job would answer a person's
 * cancel with a fault.
 */
export const lockJobRow = statement({
  name: 'job.lock',
  takes: takes<{ readonly id: JobId }>(),
  gives: lockedJobColumns,
  sql: `
    select j.id, j.type, j.status, j.organization_id, j.driver, j.machine_id, j.attempt,
      j.taken_by_call, j.taken_by_incarnation, j.daemon_id, d.key_id, d.incarnation, j.overran,
      j.error, j.error_code, b.id as build_id, b.number, b.transition, b.stage, b.preset_id, b.outputs
    from jobs j
    left join daemons d on d.id = j.daemon_id
    left join builds b on b.job_id = j.id
    where j.id = $id
    for update of j`,
});

export type LockedJob = RowOf<typeof lockedJobColumns>;

/** When a job that has ended came by its states. */
const finishedColumns = {
  createdAt: instant,
  acquiredAt: nullable(instant),
  completedAt: instant,
};

export type FinishedTimes = RowOf<typeof finishedColumns>;

const FINISH = `
    update jobs j
    set ${FINISHED}
    from (
      select $succeeded::boolean as succeeded, $canceled::boolean as canceled,
        $error::text as error, $errorCode::text as error_code) as r
    where j.id = $id
    returning j.created_at, j.acquired_at, j.completed_at`;

/** Ends one that is not a build. */
export const finishJobRow = statement({
  name: 'job.finish',
  takes: takes<ResultColumns & { readonly id: JobId }>(),
  gives: finishedColumns,
  sql: FINISH,
});

/** Back into the queue, where it keeps its age; the attempt stays counted, so that its reports are stale. */
export const requeueJobRow = statement({
  name: 'job.requeue',
  takes: takes<{ readonly id: JobId }>(),
  gives: {},
  sql: `
    update jobs j
    set acquired_at = null,
      heartbeat_at = null,
      daemon_id = null,
      machine_id = ${HOME_MACHINE}
    where j.id = $id`,
});

export const askToCancelRow = statement({
  name: 'job.ask_to_cancel',
  takes: takes<{ readonly id: JobId }>(),
  gives: {},
  sql: `
    update jobs
    set canceled_at = (select standby_now())
    where id = $id
      and status = 'running'`,
});

/** Ends a build's job, with what that means for its workspace: outputs, machine, and a delete's last word. */
export const finishBuildRow = statement({
  name: 'build.finish',
  takes: takes<
    ResultColumns & {
      readonly id: JobId;
      readonly buildId: BuildId;
      readonly workspaceId: WorkspaceId;
      readonly machineId: string | null;
      readonly outputs: string | null;
      readonly secretOutputs: Buffer | null;
      readonly secretOutputsKeyId: DataKeyId | null;
      readonly resources: string;
      readonly transition: Transition;
    }
  >(),
  gives: finishedColumns,
  sql: `
    with ended as (${FINISH}
    ), built as (
      update builds
      set outputs = $outputs::jsonb,
        secret_outputs = $secretOutputs::bytea,
        secret_outputs_key_id = $secretOutputsKeyId::uuid,
        resources = $resources::jsonb
      where id = $buildId
        and $outputs::jsonb is not null
    ), freed as (
      update builds
      set daily_cost = 0 -- a stop or a delete that succeeded costs nothing any more
      where id = $buildId
        and $succeeded
        and $transition <> 'start'
        and daily_cost > 0
    ), settled as (
      update workspaces
      set updated_at = (select standby_now()),
        machine_id = coalesce(machine_id, $machineId::text),
        deleted_at = case
          when $succeeded and $transition = 'delete' then (select standby_now())
          else deleted_at
        end,
        ${lifeAfterBuild({ transition: '$transition', succeeded: '$succeeded' })}
      where id = $workspaceId
    )
    select created_at, acquired_at, completed_at
    from ended`,
});

/** The hand-over that this build was to complete did not work out. */
export const failClaim = statement({
  name: 'claim.fail',
  takes: takes<{ readonly workspaceId: WorkspaceId; readonly epoch: number }>(),
  gives: {},
  sql: `
    update claims
    set outcome = 'failed'
    where workspace_id = $workspaceId
      and epoch = $epoch
      and outcome = 'hit'`,
});
