// Templates that were not deleted, and which version of each is active.
import type { OrganizationId, PoolId, TemplateId, VersionId } from '../base/id.ts';
import { instant, nullable, text, textArray, uuid, type RowOf } from './column.ts';
import { statement, takes, type Executor } from './statement.ts';

const columns = {
  id: uuid<TemplateId>(),
  organization: text,
  name: text,
  activeVersion: nullable(text),
  driver: nullable(text),
  /** Of the active version. */
  presets: textArray,
  deprecated: text,
  createdAt: instant,
  updatedAt: instant,
} as const;

export type TemplateRow = RowOf<typeof columns>;

const SELECT_TEMPLATES = `
  select t.id, o.name as organization, t.name, v.name as active_version,
    v.manifest ->> 'driver' as driver,
    array(
      select p.name from presets p where p.version_id = v.id order by p.name)::text[] as presets,
    t.deprecated, t.created_at, t.updated_at
  from templates t
  join organizations o on o.id = t.organization_id
  left join template_versions v on v.id = t.active_version_id`;

const list = statement({
  name: 'template.list',
  takes: takes<{
    readonly organizationId: OrganizationId;
    readonly after: string;
    readonly limit: number;
  }>(),
  gives: columns,
  sql: `
    ${SELECT_TEMPLATES}
    where t.organization_id = $organizationId
      and t.name > $after
      and t.deleted_at is null
    order by t.name
    limit $limit`,
});

const find = statement({
  name: 'template.find',
  takes: takes<{ readonly organizationId: OrganizationId; readonly name: string }>(),
  gives: columns,
  sql: `
    ${SELECT_TEMPLATES}
    where t.organization_id = $organizationId
      and t.name = $name
      and t.deleted_at is null`,
});

const insert = statement({
  name: 'template.insert',
  takes: takes<{
    readonly id: TemplateId;
    readonly organizationId: OrganizationId;
    readonly name: string;
  }>(),
  gives: {},
  sql: `
    insert into templates (id, organization_id, name, created_at, updated_at)
    select $id, $organizationId, $name, now, now
    from (select standby_now() as now) as clock
    on conflict (organization_id, name) where deleted_at is null do nothing`,
});

const lock = statement({
  name: 'template.lock',
  takes: takes<{ readonly organizationId: OrganizationId; readonly name: string }>(),
  gives: { id: uuid<TemplateId>() },
  sql: `
    select id
    from templates
    where organization_id = $organizationId
      and name = $name
      and deleted_at is null
    for no key update`,
});

const lockPools = statement({
  name: 'template.lock_pools',
  takes: takes<{ readonly id: TemplateId }>(),
  gives: { poolId: uuid<PoolId>() },
  sql: `
    -- template.lock_pools: all of them, in the order that everybody locks pools in
    select id as pool_id
    from pools
    where template_id = $id
    order by id
    for no key update`,
});

const activate = statement({
  name: 'template.activate',
  takes: takes<{ readonly id: TemplateId; readonly versionId: VersionId }>(),
  gives: {},
  sql: `
    update templates t
    set active_version_id = v.id,
      updated_at = standby_now()
    from template_versions v
    join jobs j on j.id = v.import_job_id
    where t.id = $id
      and t.deleted_at is null
      and v.id = $versionId
      and v.template_id = t.id
      and j.status = 'succeeded'`,
});

/** Templates by name, from behind `after` on. */
export function listTemplates(
  on: Executor,
  organizationId: OrganizationId,
  page: { readonly after: string; readonly limit: number },
): Promise<readonly TemplateRow[]> {
  return list.all(on, { organizationId, ...page });
}

export function findTemplate(
  on: Executor,
  organizationId: OrganizationId,
  name: string,
): Promise<TemplateRow | undefined> {
  return find.maybe(on, { organizationId, name });
}

export interface NewTemplate {
  /** For the case that there is none of the name yet. */
  readonly id: TemplateId;
  readonly organizationId: OrganizationId;
  readonly name: string;
}

/** Makes the template unless it exists, and locks its row: pushes to one template take turns. */
export async function ensureLockedTemplate(
  on: Executor,
  template: NewTemplate,
): Promise<TemplateId> {
  await insert.run(on, template);
  return (await lock.one(on, template)).id;
}

/** Locks the pools of a template against being reconciled until the transaction ends. */
export async function lockPoolsOfTemplate(
  on: Executor,
  id: TemplateId,
): Promise<readonly PoolId[]> {
  return (await lockPools.all(on, { id })).map(({ poolId }) => poolId);
}

/** Makes the version the template's active one. False, and nothing changed, unless its import succeeded. */
export async function activateVersion(
  on: Executor,
  id: TemplateId,
  versionId: VersionId,
): Promise<boolean> {
  return (await activate.run(on, { id, versionId })) > 0;
}
