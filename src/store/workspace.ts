// Reading workspaces as people see them, and locking one for a change.
import type {
  BuildId,
  DataKeyId,
  JobId,
  OrganizationId,
  PoolId,
  PresetId,
  SecretParametersId,
  TemplateId,
  UserId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { JobStatus, Stage, Transition } from '../domain/job/job.ts';
import type { AgentLifecycle } from './agent.ts';
import {
  bytes,
  count,
  instant,
  int,
  json,
  nullable,
  oneOf,
  text,
  textArray,
  uuid,
  type RowOf,
} from './column.ts';
import { AGENT_WATCH } from './live-pool/ready-now.ts';
import { statement, takes, type Statement } from './statement.ts';
import { unseen } from './unseen.ts';

export interface WorkspaceAgent {
  readonly name: string;
  readonly kind: 'program' | 'check';
  readonly lifecycle: AgentLifecycle;
  /** RFC 3339, as PostgreSQL writes it into JSON. */
  readonly lastSeenAt: string | null;
  readonly appliedEpoch: number;
  /** Its last sign of life is recent enough. */
  readonly seen: boolean;
}

const buildColumns = {
  buildId: uuid<BuildId>(),
  number: int,
  transition: oneOf<Transition>(),
  stage: oneOf<Stage>(),
  reason: text,
  version: text,
  preset: nullable(text),
  initiator: text,
  jobId: uuid<JobId>(),
  jobStatus: oneOf<JobStatus>(),
  error: nullable(text),
  errorCode: nullable(text),
  buildCreatedAt: instant,
};

const BUILD_COLUMNS = `
  b.id as build_id, b.number, b.transition, b.stage, b.reason, v.name as version,
  p.name as preset, initiator.username as initiator, b.job_id, j.status as job_status, j.error,
  j.error_code, b.created_at as build_created_at`;

const BUILD_JOINS = `
  join jobs j on j.id = b.job_id
  join template_versions v on v.id = b.version_id
  join users initiator on initiator.id = b.initiator_id
  left join presets p on p.id = b.preset_id`;

const workspaceColumns = {
  id: uuid<WorkspaceId>(),
  organization: text,
  ownerId: uuid<UserId>(),
  owner: text,
  template: text,
  name: text,
  origin: oneOf<'prebuild' | 'user'>(),
  epoch: int,
  createdAt: instant,
  updatedAt: instant,
  lastUsedAt: instant,
  deletedAt: nullable(instant),
  ...buildColumns,
  parameters: json<Readonly<Record<string, string>>>(),
  /** Names of those that have values, which are not shown. */
  sensitiveParameters: textArray,
  outputs: json<Readonly<Record<string, string>>>(),
  /** Of the build whose outputs hold, when it has secret ones. */
  secretOutputsJobId: nullable(uuid<JobId>()),
  /** States of overtaken attempts that are still to be destroyed. */
  strays: count,
  agents: json<readonly WorkspaceAgent[]>(),
};

export type WorkspaceRow = RowOf<typeof workspaceColumns>;
export type BuildRow = RowOf<typeof buildColumns>;

interface WorkspaceStatementSpec {
  readonly name: string;
  /** What follows `from workspaces w …`. */
  readonly rest: string;
}

function workspaceStatement<Args>(
  spec: WorkspaceStatementSpec,
): Statement<Args, typeof workspaceColumns> {
  return statement({
    name: spec.name,
    takes: takes<Args>(),
    gives: workspaceColumns,
    sql: `
      select w.id, o.name as organization, w.owner_id, owner.username as owner, t.name as template,
        w.name, w.origin, w.epoch, w.created_at, w.updated_at, w.last_used_at, w.deleted_at,
        ${BUILD_COLUMNS},
        b.parameters,
        coalesce(
          (select names from secret_parameters s where s.id = b.secret_parameters_id), '{}'
        ) as sensitive_parameters,
        coalesce(held.outputs, '{}') as outputs,
        held.secret_outputs_job_id,
        (
          select count(*)
          from stray_states s
          where s.workspace_id = w.id and s.destroyed_at is null
        ) as strays,
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'name', a.name,
            'kind', a.kind,
            'lifecycle', a.lifecycle,
            'lastSeenAt', a.last_seen_at,
            'appliedEpoch', a.applied_epoch,
            'seen', coalesce(
              a.last_seen_at + make_interval(secs => a.timeout_seconds) >= (select standby_now())
              or (select standby_now()) < (
                select judging_from from watches where watches.name = '${AGENT_WATCH}'), false)
            ) order by a.name)
          from agents a
          where a.workspace_id = w.id
        ), '[]') as agents
      from workspaces w
      join organizations o on o.id = w.organization_id
      join users owner on owner.id = w.owner_id
      join templates t on t.id = w.template_id
      cross join lateral (
        select * from builds where builds.workspace_id = w.id order by builds.number desc limit 1
      ) as b
      -- Connection details hold until a later start replaces them.
      left join lateral (
        select s.outputs, case when s.secret_outputs is not null then s.job_id end
          as secret_outputs_job_id
        from builds s
        where s.workspace_id = w.id and s.outputs is not null
        order by s.number desc
        limit 1
      ) as held on true
      ${BUILD_JOINS}
      ${spec.rest}`,
  });
}

export const findWorkspaces = workspaceStatement<{ readonly ids: readonly WorkspaceId[] }>({
  name: 'workspace.find_many',
  rest: `where w.id = any (${unseen('$ids::uuid[]')}::uuid[])`,
});

export interface ListWorkspacesArgs {
  /** Null: everybody's. */
  readonly ownerId: UserId | null;
  readonly name: string | null;
  readonly template: string | null;
  /** The last one of the page before; null on the first page. */
  readonly before: WorkspaceId | null;
  readonly limit: number;
}

/** Ids are time-ordered: the newest come first. */
export const listWorkspaces = workspaceStatement<ListWorkspacesArgs>({
  name: 'workspace.list',
  rest: `
    where w.deleted_at is null
      and ($ownerId::uuid is null or w.owner_id = $ownerId::uuid)
      and ($name::text is null or w.name = $name::text)
      and ($template::text is null or t.name = $template::text)
      and ($before::uuid is null or w.id < $before::uuid)
    order by w.id desc
    limit $limit`,
});

export const listBuilds = statement({
  name: 'build.list',
  takes: takes<{
    readonly workspaceId: WorkspaceId;
    /** The number of the last one of the page before; null on the first page. */
    readonly before: number | null;
    readonly limit: number;
  }>(),
  gives: buildColumns,
  sql: `
    select ${BUILD_COLUMNS}
    from builds b
    ${BUILD_JOINS}
    where b.workspace_id = $workspaceId
      and ($before::integer is null or b.number < $before::integer)
    order by b.number desc
    limit $limit`,
});

/** Locks a live workspace for a new build, with what the build continues from. */
export const lockWorkspace = statement({
  name: 'workspace.lock',
  takes: takes<{ readonly id: WorkspaceId }>(),
  gives: {
    organizationId: uuid<OrganizationId>(),
    ownerId: uuid<UserId>(),
    templateId: uuid<TemplateId>(),
    poolId: nullable(uuid<PoolId>()),
    machineId: nullable(text),
    epoch: int,
  },
  sql: `
    select organization_id, owner_id, template_id, pool_id, machine_id, epoch
    from workspaces
    where id = $id
      and deleted_at is null
    for update`,
});

/** The latest build, read after the workspace was locked, so that no other can follow it meanwhile. */
export const findLatestBuild = statement({
  name: 'build.find_latest',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {
    number: int,
    transition: oneOf<Transition>(),
    versionId: uuid<VersionId>(),
    presetId: nullable(uuid<PresetId>()),
    parameters: json<Readonly<Record<string, string>>>(),
    secretParametersId: nullable(uuid<SecretParametersId>()),
    jobStatus: oneOf<JobStatus>(),
    jobId: uuid<JobId>(),
    driver: text,
    tags: json<Readonly<Record<string, string>>>(),
  },
  sql: `
    select b.number, b.transition, b.version_id, b.preset_id, b.parameters,
      b.secret_parameters_id, j.status as job_status, j.id as job_id, j.driver, j.tags
    from builds b
    join jobs j on j.id = b.job_id
    where b.workspace_id = $workspaceId
    order by b.number desc
    limit 1`,
});

/** Of the build that a job made; no row when it has none. */
export const findSecretOutputs = statement({
  name: 'build.find_secret_outputs',
  takes: takes<{ readonly jobId: JobId }>(),
  gives: { keyId: uuid<DataKeyId>(), sealed: bytes },
  sql: `
    select secret_outputs_key_id as key_id, secret_outputs as sealed
    from builds
    where job_id = $jobId
      and secret_outputs is not null`,
});
