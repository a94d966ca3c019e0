// Versions of templates, and what each asks for: immutable but for the status of their presets.
import type {
  JobId,
  OrganizationId,
  PoolId,
  PresetId,
  TemplateId,
  UserId,
  VersionId,
} from '../base/id.ts';
import type { JobStatus } from '../domain/job/job.ts';
import { bool, instant, int, json, nullable, oneOf, text, uuid, type RowOf } from './column.ts';
import { protocolVersionOf } from './job-fit.ts';
import { REHEARSAL_OF_PRESET, type RehearsalRow } from './rehearsal.ts';
import { asJson, statement, takes, type Executor } from './statement.ts';

const columns = {
  id: uuid<VersionId>(),
  template: text,
  name: text,
  number: int,
  message: text,
  /** In hex. */
  fileHash: text,
  active: bool,
  createdBy: text,
  createdAt: instant,
  importJobId: uuid<JobId>(),
  importStatus: oneOf<JobStatus>(),
  importError: nullable(text),
  manifest: json<unknown>(),
  /** Of its presets with pools, by name. */
  rehearsals: json<readonly RehearsalRow[]>(),
} as const;

export type VersionRow = RowOf<typeof columns>;

const SELECT_VERSIONS = `
  select v.id, t.name as template, v.name, v.number, v.message,
    encode(v.file_hash, 'hex') as file_hash,
    coalesce(t.active_version_id = v.id, false) as active, u.username as created_by, v.created_at,
    v.import_job_id, j.status as import_status, j.error as import_error, v.manifest,
    coalesce((
      select jsonb_agg(${REHEARSAL_OF_PRESET} order by p.name)
      from presets p
      where p.version_id = v.id
        and p.pool_id is not null), '[]') as rehearsals
  from template_versions v
  join templates t on t.id = v.template_id
  join jobs j on j.id = v.import_job_id
  join users u on u.id = v.created_by`;

const list = statement({
  name: 'template_version.list',
  takes: takes<{
    readonly templateId: TemplateId;
    readonly before: number;
    readonly limit: number;
  }>(),
  gives: columns,
  sql: `
    ${SELECT_VERSIONS}
    where v.template_id = $templateId
      and v.number < $before
    order by v.number desc
    limit $limit`,
});

const find = statement({
  name: 'template_version.find',
  takes: takes<{ readonly templateId: TemplateId; readonly name: string }>(),
  gives: columns,
  sql: `
    ${SELECT_VERSIONS}
    where v.template_id = $templateId
      and v.name = $name`,
});

/** What a workspace of the template is built with next: the active version, or the one that it has. */
export const findVersionToBuild = statement({
  name: 'template_version.find_to_build',
  takes: takes<{
    readonly templateId: TemplateId;
    /** Of its latest build, */
    readonly versionId: VersionId;
    /** and the preset of that. */
    readonly presetId: PresetId | null;
    readonly isActive: boolean;
  }>(),
  gives: {
    versionId: uuid<VersionId>(),
    name: text,
    manifest: json<unknown>(),
    /** The one of the same name, where the version has it. */
    presetId: nullable(uuid<PresetId>()),
  },
  sql: `
    select v.id as version_id, v.name, v.manifest,
      (
        select p.id
        from presets p
        join presets former on former.name = p.name
        where p.version_id = v.id
          and former.id = $presetId
      ) as preset_id
    from templates t
    join template_versions v
      on v.id = case when $isActive then t.active_version_id else $versionId::uuid end
    where t.id = $templateId`,
});

export const findManifest = statement({
  name: 'template_version.find_manifest',
  takes: takes<{ readonly versionId: VersionId }>(),
  gives: { manifest: json<unknown>() },
  sql: `
    select manifest
    from template_versions
    where id = $versionId`,
});

const nextNumber = statement({
  name: 'template_version.next_number',
  takes: takes<{ readonly templateId: TemplateId }>(),
  gives: { number: int },
  sql: `
    -- template_version.next_number: names like v7 may have been given by hand; none is met again
    select 1 + coalesce(max(greatest(
      number,
      case when name ~ '^v[1-9][0-9]{0,8}$' then substr(name, 2)::integer end)), 0) as number
    from template_versions
    where template_id = $templateId`,
});

const insertImport = statement({
  name: 'template_version.insert_with_import',
  takes: takes<{
    readonly id: VersionId;
    readonly jobId: JobId;
    readonly templateId: TemplateId;
    readonly organizationId: OrganizationId;
    readonly number: number;
    readonly name: string;
    readonly message: string;
    readonly fileHash: Buffer;
    readonly manifest: string;
    readonly driver: string;
    readonly tags: string;
    readonly createdBy: UserId;
  }>(),
  gives: { id: uuid<VersionId>() },
  sql: `
    with clock as (select standby_now() as now), job as (
      insert into jobs
        (id, type, organization_id, driver, tags, initiator_id, class, min_protocol_version,
         created_at)
      select $jobId, 'template_version_import', $organizationId, $driver, $tags::jsonb, $createdBy,
        2, ${protocolVersionOf('$manifest::jsonb')}, now
      from clock
    )
    insert into template_versions
      (id, template_id, number, name, message, file_hash, manifest, import_job_id, created_by,
       created_at)
    select $id, $templateId, $number, $name, $message, $fileHash, $manifest::jsonb, $jobId,
      $createdBy, now
    from clock
    on conflict on constraint template_versions_template_id_name_key do nothing
    returning id`,
});

const insertPresetRows = statement({
  name: 'preset.insert',
  takes: takes<{
    readonly versionId: VersionId;
    readonly templateId: TemplateId;
    readonly organizationId: OrganizationId;
    readonly rows: string;
  }>(),
  gives: {},
  sql: `
    with given as materialized (
      select *
      from jsonb_to_recordset($rows::jsonb) as r (
        id uuid, "poolId" uuid, name text, description text, "isDefault" boolean,
        "desiredInstances" integer, "maxInstances" integer, "ttlSeconds" integer, timezone text,
        schedules jsonb, "claimOrder" text, parameters jsonb)
    ), pooled as (
      insert into pools (id, organization_id, template_id, preset_name, created_at)
      select "poolId", $organizationId, $templateId, name, standby_now()
      from given
      where "desiredInstances" is not null
      -- A pool outlives versions: the row that is there is the pool, and is not touched.
      on conflict on constraint pools_template_id_preset_name_key do nothing
      returning id, preset_name
    )
    insert into presets
      (id, version_id, pool_id, name, description, is_default, desired_instances, max_instances,
       ttl_seconds, timezone, schedules, claim_order, parameters)
    select given.id, $versionId,
      case when given."desiredInstances" is not null then coalesce(pooled.id, l.id) end,
      given.name, description, "isDefault", "desiredInstances", "maxInstances", "ttlSeconds",
      timezone, schedules, "claimOrder", parameters
    from given
    left join pooled on pooled.preset_name = given.name
    left join pools l on l.template_id = $templateId and l.preset_name = given.name`,
});

const poolsOf = statement({
  name: 'template_version.pools',
  takes: takes<{ readonly templateId: TemplateId; readonly versionId: VersionId }>(),
  gives: { poolId: uuid<PoolId>() },
  sql: `
    select distinct p.pool_id
    from templates t
    join presets p on p.version_id = t.active_version_id or p.version_id = $versionId
    where t.id = $templateId
      and p.pool_id is not null`,
});

const retry = statement({
  name: 'preset.retry_validation',
  takes: takes<{ readonly versionId: VersionId }>(),
  gives: {},
  sql: `
    update presets
    set status = 'healthy',
      validation_error = null
    where version_id = $versionId
      and status = 'validation_failed'`,
});

/** Newest first: those with a number below `before`. */
export function listVersions(
  on: Executor,
  templateId: TemplateId,
  page: { readonly before: number; readonly limit: number },
): Promise<readonly VersionRow[]> {
  return list.all(on, { templateId, ...page });
}

export function findVersion(
  on: Executor,
  templateId: TemplateId,
  name: string,
): Promise<VersionRow | undefined> {
  return find.maybe(on, { templateId, name });
}

/** The number of the template's next version. Under the template's lock. */
export async function nextVersionNumber(on: Executor, templateId: TemplateId): Promise<number> {
  return (await nextNumber.one(on, { templateId })).number;
}

export interface NewVersion {
  readonly id: VersionId;
  readonly jobId: JobId;
  readonly templateId: TemplateId;
  readonly organizationId: OrganizationId;
  readonly number: number;
  readonly name: string;
  readonly message: string;
  readonly fileHash: Buffer;
  readonly manifest: unknown;
  /** Which daemons can check it. */
  readonly driver: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdBy: UserId;
}

/** Stores a version and the job that imports it. False when the template has a version of that name. */
export async function insertVersion(on: Executor, version: NewVersion): Promise<boolean> {
  const row = await insertImport.maybe(on, {
    ...version,
    manifest: asJson(version.manifest),
    tags: asJson(version.tags),
  });
  return row !== undefined;
}

export interface NewPreset {
  readonly id: PresetId;
  /** For the case that the template has no pool of this name yet. */
  readonly poolId: PoolId;
  readonly name: string;
  readonly description: string;
  readonly isDefault: boolean;
  /** Null: no pool. */
  readonly desiredInstances: number | null;
  readonly maxInstances: number | null;
  readonly ttlSeconds: number | null;
  readonly timezone: string;
  readonly schedules: readonly { readonly cron: string; readonly instances: number }[];
  readonly claimOrder: 'oldest' | 'newest';
  readonly parameters: Readonly<Record<string, string>>;
}

/** Stores a version's presets, and makes the pools that some are the first to ask for. */
export async function insertPresets(
  on: Executor,
  version: Pick<NewVersion, 'id' | 'templateId' | 'organizationId'>,
  presets: readonly NewPreset[],
): Promise<void> {
  if (presets.length === 0) return;
  const { id: versionId, templateId, organizationId } = version;
  const rows = asJson(presets);
  await insertPresetRows.run(on, { versionId, templateId, organizationId, rows });
}

/** The pools that the active version and the given one ask for. */
export async function listPoolsOfVersions(
  on: Executor,
  templateId: TemplateId,
  versionId: VersionId,
): Promise<readonly PoolId[]> {
  return (await poolsOf.all(on, { templateId, versionId })).map(({ poolId }) => poolId);
}

/** Lets the parameters of a version's presets be tried again. Under the locks of their pools. */
export async function retryValidation(on: Executor, versionId: VersionId): Promise<void> {
  await retry.run(on, { versionId });
}
