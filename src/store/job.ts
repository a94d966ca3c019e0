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
import { statement, takes, type Executor } from './statement.ts';
import { asManyAs, oneByOne, unseen } from './unseen.ts';

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

interface WorkspacesArgs {
  readonly ids: readonly WorkspaceId[];
}

const IN_ORDER = `(
      select id
      from unnest(${unseen('$ids::uuid[]')}) as given (id)
      order by id) as given`;

/**
 * Locks workspaces that jobs build, behind their members. The members are asked for by a cross join, since all of them
 * have to be locked before the first workspace is. With `skip`, one that others hold is passed over, and so is the
 * workspace of a member that is held: it is no stranger to the pool.
 */
const lockBuiltSql = (skip: '' | ' skip locked'): string => `
    with members as materialized (
      select m.workspace_id
      from ${IN_ORDER}
      ${oneByOne(`
        select workspace_id
        from pool_members
        where workspace_id = given.id
        for update${skip}`)} as m
    )
    select w.id, w.origin, w.pool_id, w.epoch, w.is_member
    from (select coalesce(array_agg(workspace_id), '{}') as ids from members) as m
    cross join ${IN_ORDER}
    ${oneByOne(`
      select w.id, w.origin, w.pool_id, w.epoch, w.id = any (m.ids) as is_member
      from workspaces w
      where w.id = given.id${
        skip === ''
          ? ''
          : `
        and (w.id = any (m.ids)
          or not exists (select from pool_members held where held.workspace_id = w.id))`
      }
      for no key update of w${skip}`)} as w`;

export const lockBuiltWorkspaces = statement({
  name: 'workspace.lock_built',
  takes: takes<WorkspacesArgs>(),
  gives: builtWorkspaceColumns,
  sql: lockBuiltSql(''),
});

/** Those that nobody else holds. */
export const lockFreeBuiltWorkspaces = statement({
  name: 'workspace.lock_free_built',
  takes: takes<WorkspacesArgs>(),
  gives: builtWorkspaceColumns,
  sql: lockBuiltSql(' skip locked'),
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

interface JobsArgs {
  readonly ids: readonly JobId[];
}

const lockJobsSql = (skip: '' | ' skip locked'): string => `
    select j.id, j.type, j.status, j.organization_id, j.driver, j.machine_id, j.attempt,
      j.taken_by_call, j.taken_by_incarnation, j.daemon_id, d.key_id, d.incarnation, j.overran,
      j.error, j.error_code, b.id as build_id, b.number, b.transition, b.stage, b.preset_id, b.outputs
    from ${IN_ORDER}
    ${oneByOne(`
      select *
      from jobs
      where id = given.id
      for update${skip}`)} as j
    left join daemons d on d.id = j.daemon_id
    left join lateral (
      select id, number, transition, stage, preset_id, outputs
      from builds
      where job_id = j.id
      offset 0) as b on true`;

/**
 * Locks jobs. Waits for whoever holds them: what passes over a locked job would answer a person's
 * cancel with a fault.
 */
export const lockJobRows = statement({
  name: 'job.lock',
  takes: takes<JobsArgs>(),
  gives: lockedJobColumns,
  sql: lockJobsSql(''),
});

/** Those that nobody else holds. */
export const lockFreeJobRows = statement({
  name: 'job.lock_free',
  takes: takes<JobsArgs>(),
  gives: lockedJobColumns,
  sql: lockJobsSql(' skip locked'),
});

export type LockedJob = RowOf<typeof lockedJobColumns>;

/** When a job that has ended came by its states. */
const finishedColumns = {
  id: uuid<JobId>(),
  createdAt: instant,
  acquiredAt: nullable(instant),
  completedAt: instant,
};

export type FinishedTimes = RowOf<typeof finishedColumns>;

/** Ends one that is not a build. */
export const finishJobRow = statement({
  name: 'job.finish',
  takes: takes<ResultColumns & { readonly id: JobId }>(),
  gives: finishedColumns,
  sql: `
    update jobs j
    set ${FINISHED}
    from (
      select $succeeded::boolean as succeeded, $canceled::boolean as canceled,
        $error::text as error, $errorCode::text as error_code) as r
    where j.id = $id
    returning j.id, j.created_at, j.acquired_at, j.completed_at`,
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

/** What is stored at the end of a build. */
export interface BuildEnd extends ResultColumns {
  readonly id: JobId;
  readonly buildId: BuildId;
  readonly workspaceId: WorkspaceId;
  readonly machineId: string | null;
  /** JSON; null leaves those that there are. */
  readonly outputs: string | null;
  readonly secretOutputs: Buffer | null;
  readonly secretOutputsKeyId: DataKeyId | null;
  /** JSON. */
  readonly resources: string;
  readonly transition: Transition;
}

const endBuilds = statement({
  name: 'build.finish',
  takes: takes<{
    readonly ids: readonly JobId[];
    readonly buildIds: readonly BuildId[];
    readonly workspaceIds: readonly WorkspaceId[];
    readonly machineIds: readonly (string | null)[];
    readonly succeeded: readonly boolean[];
    readonly canceled: readonly boolean[];
    readonly errors: readonly (string | null)[];
    readonly errorCodes: readonly (string | null)[];
    readonly transitions: readonly Transition[];
    readonly outputs: readonly (string | null)[];
    readonly secretOutputs: readonly (Buffer | null)[];
    readonly secretOutputsKeyIds: readonly (DataKeyId | null)[];
    readonly resources: readonly string[];
  }>(),
  gives: finishedColumns,
  sql: `
    with r as materialized (
      select given.*, j.at as job_at, b.at as build_at, w.at as workspace_at
      from unnest(${unseen('$ids::uuid[]')}, ${unseen('$buildIds::uuid[]')},
        ${unseen('$workspaceIds::uuid[]')}, ${unseen('$machineIds::text[]')},
        ${unseen('$succeeded::boolean[]')}, ${unseen('$canceled::boolean[]')},
        ${unseen('$errors::text[]')}, ${unseen('$errorCodes::text[]')},
        ${unseen('$transitions::text[]')}, ${unseen('$outputs::jsonb[]')},
        ${unseen('$secretOutputs::bytea[]')}, ${unseen('$secretOutputsKeyIds::uuid[]')},
        ${unseen('$resources::jsonb[]')})
        as given (id, build_id, workspace_id, machine_id, succeeded, canceled, error, error_code,
          transition, outputs, secret_outputs, secret_outputs_key_id, resources)
      ${oneByOne('select ctid as at from jobs where id = given.id')} as j
      ${oneByOne('select ctid as at from builds where id = given.build_id')} as b
      ${oneByOne('select ctid as at from workspaces where id = given.workspace_id')} as w
      ${asManyAs('$ids::uuid[]')}
    ), ended as (
      update jobs j
      set ${FINISHED}
      from r
      where j.ctid = r.job_at
      returning j.id, j.created_at, j.acquired_at, j.completed_at
    ), built as (
      update builds b
      set outputs = r.outputs,
        secret_outputs = r.secret_outputs,
        secret_outputs_key_id = r.secret_outputs_key_id,
        resources = r.resources
      from r
      where b.ctid = r.build_at
        and r.outputs is not null
    ), freed as (
      update builds b
      set daily_cost = 0 -- a stop or a delete that succeeded costs nothing any more
      from r
      where b.ctid = r.build_at
        and r.succeeded
        and r.transition <> 'start'
        and b.daily_cost > 0
    ), settled as (
      update workspaces w
      set updated_at = (select standby_now()),
        machine_id = coalesce(w.machine_id, r.machine_id),
        deleted_at = case
          when r.succeeded and r.transition = 'delete' then (select standby_now())
          else deleted_at
        end,
        ${lifeAfterBuild({ transition: 'r.transition', succeeded: 'r.succeeded' })}
      from r
      where w.ctid = r.workspace_at
    )
    select id, created_at, acquired_at, completed_at
    from ended`,
});

/**
 * Ends the jobs of builds that are locked, with what that means for their workspaces: outputs, machine, and a delete's last word.
 */
export function finishBuildRows(
  tx: Executor,
  ends: readonly BuildEnd[],
): Promise<readonly FinishedTimes[]> {
  return endBuilds.all(tx, {
    ids: ends.map(({ id }) => id),
    buildIds: ends.map(({ buildId }) => buildId),
    workspaceIds: ends.map(({ workspaceId }) => workspaceId),
    machineIds: ends.map(({ machineId }) => machineId),
    succeeded: ends.map(({ succeeded }) => succeeded),
    canceled: ends.map(({ canceled }) => canceled),
    errors: ends.map(({ error }) => error),
    errorCodes: ends.map(({ errorCode }) => errorCode),
    transitions: ends.map(({ transition }) => transition),
    outputs: ends.map(({ outputs }) => outputs),
    secretOutputs: ends.map(({ secretOutputs }) => secretOutputs),
    secretOutputsKeyIds: ends.map(({ secretOutputsKeyId }) => secretOutputsKeyId),
    resources: ends.map(({ resources }) => resources),
  });
}

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
