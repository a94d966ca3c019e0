// Finding workspaces for people, and locking one for a change.
import type {
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
import type { AutomaticUpdates } from '../domain/workspace/automatic-updates.ts';
import type { JobStatus, Transition } from '../domain/job/job.ts';
import { bool, bytes, instant, int, json, nullable, oneOf, text, uuid } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { latestEffectiveBuild } from './effective-build.ts';
import { statement, takes } from './statement.ts';
import { fewHave, unseen } from './unseen.ts';
import {
  BUILD_COLUMNS,
  BUILD_JOINS,
  buildColumns,
  WORKSPACE_COLUMNS,
  WORKSPACE_JOINS,
  workspaceColumns,
} from './workspace-view.ts';

export const findWorkspaces = statement({
  name: 'workspace.find_many',
  takes: takes<{ readonly ids: readonly WorkspaceId[] }>(),
  gives: workspaceColumns,
  sql: `
    select ${WORKSPACE_COLUMNS}
    from workspaces w
    ${WORKSPACE_JOINS}
    where w.id = any (${unseen('$ids::uuid[]')}::uuid[])`,
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

/**
 * Ids are time-ordered: the newest come first. Those of the page are chosen before anything is joined to them: a plan
 * by no values may else take all that an owner has through the joins, and sort them then.
 */
export const listWorkspaces = statement({
  name: 'workspace.list',
  takes: takes<ListWorkspacesArgs>(),
  gives: workspaceColumns,
  sql: `
    select ${WORKSPACE_COLUMNS}
    from (
      select w.*
      from workspaces w
      where w.deleted_at is null
        ${ifGiven(`and ${fewHave('w.owner_id', '$ownerId::uuid')}`)}
        ${ifGiven('and w.name = $name::text')}
        ${ifGiven('and w.template_id in (select id from templates where name = $template::text)')}
        ${ifGiven('and w.id < $before::uuid')}
      order by w.id desc
      limit $limit
    ) as w
    ${WORKSPACE_JOINS}
    order by w.id desc`,
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
      ${ifGiven('and b.number < $before::integer')}
    order by b.number desc
    limit $limit`,
});

/** On `workspaces`: its owner may log in, and belongs to its organization. */
export const OWNER_ACTIVE = `exists (
        select
        from users u
        where u.id = owner_id
          and u.status = 'active'
          and ('admin' = any (u.site_roles) or exists (
            select
            from memberships m
            where m.organization_id = workspaces.organization_id and m.user_id = u.id))
      )`;

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
    isTemplateDeleted: bool,
    /** Its owner may log in, and belongs to its organization. */
    isOwnerActive: bool,
    isDormant: bool,
    automaticUpdates: oneOf<AutomaticUpdates>(),
  },
  sql: `
    select organization_id, owner_id, template_id, pool_id, machine_id, epoch,
      exists (
        select from templates t where t.id = template_id and t.deleted_at is not null
      ) as is_template_deleted,
      ${OWNER_ACTIVE} as is_owner_active,
      dormant_at is not null as is_dormant, automatic_updates
    from workspaces
    where id = $id
      and deleted_at is null
    for update`,
});

/** Nothing where it changed hands or is gone. Breaks what nameTaken tells where the owner has that name already. */
export const renameWorkspaceRow = statement({
  name: 'workspace.rename',
  takes: takes<{ readonly id: WorkspaceId; readonly ownerId: UserId; readonly name: string }>(),
  gives: { id: uuid<WorkspaceId>() },
  sql: `
    update workspaces
    set name = $name,
      updated_at = (select standby_now())
    where id = $id
      and owner_id = $ownerId
      and deleted_at is null
    returning id`,
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
    reason: text,
    createdAt: instant,
    jobStatus: oneOf<JobStatus>(),
    endedAt: nullable(instant),
    jobId: uuid<JobId>(),
    driver: text,
    tags: json<Readonly<Record<string, string>>>(),
    /** The organization keeps owners within their quota. */
    enforcesQuota: bool,
  },
  sql: `
    select b.number, b.transition, b.version_id, b.preset_id, b.parameters,
      b.secret_parameters_id, b.reason, b.created_at, j.status as job_status, j.completed_at as ended_at, j.id as job_id, j.driver, j.tags,
      (
        select o.enforces_quota from organizations o where o.id = j.organization_id
      ) as enforces_quota
    from builds b
    join jobs j on j.id = b.job_id
    where b.workspace_id = $workspaceId
    order by b.number desc
    limit 1`,
});

/** What a stop or a delete goes on from. No row: nothing was made. */
export const findLatestEffective = statement({
  name: 'build.find_latest_effective',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {
    versionId: uuid<VersionId>(),
    presetId: nullable(uuid<PresetId>()),
    parameters: json<Readonly<Record<string, string>>>(),
    secretParametersId: nullable(uuid<SecretParametersId>()),
    driver: text,
    tags: json<Readonly<Record<string, string>>>(),
  },
  sql: `
    select b.version_id, b.preset_id, b.parameters, b.secret_parameters_id, j.driver, j.tags
    from builds b
    join jobs j on j.id = b.job_id
    where b.id = ${latestEffectiveBuild('$workspaceId::uuid')}`,
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
