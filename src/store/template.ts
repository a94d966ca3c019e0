// Templates: which there are, which version of each is active, and what becomes of them.
import type { OrganizationId, PoolId, TemplateId, VersionId } from '../base/id.ts';
import { bool, instant, int, nullable, text, textArray, uuid, type RowOf } from './column.ts';
import { statement, takes, type Executor } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

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

const byId = statement({
  name: 'template.find_by_id',
  takes: takes<{ readonly id: TemplateId }>(),
  gives: columns,
  sql: `
    ${SELECT_TEMPLATES}
    where t.id = $id`,
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

const lockLive = statement({
  name: 'template.lock_live',
  takes: takes<{ readonly id: TemplateId }>(),
  gives: { id: uuid<TemplateId>() },
  sql: `
    select id
    from templates
    where id = $id
      and deleted_at is null
    for no key update`,
});

const livePools = statement({
  name: 'template.live_pools',
  takes: takes<{ readonly id: TemplateId }>(),
  gives: { poolId: uuid<PoolId>() },
  sql: `
    select p.pool_id
    from templates t
    join presets p on p.version_id = t.active_version_id
    where t.id = $id
      and p.pool_id is not null
    union
    select l.id
    from pools l
    where l.template_id = $id
      and exists (select from pool_members m where m.pool_id = l.id)`,
});

const setDeprecated = statement({
  name: 'template.deprecate',
  takes: takes<{ readonly id: TemplateId; readonly message: string }>(),
  gives: {},
  sql: `
    update templates
    set deprecated = $message,
      updated_at = standby_now()
    where id = $id
      and deprecated <> $message`,
});

const setDeleted = statement({
  name: 'template.delete',
  takes: takes<{ readonly id: TemplateId }>(),
  gives: {},
  sql: `
    update templates
    set deleted_at = standby_now(),
      updated_at = standby_now()
    where id = $id`,
});

/** Of people: those of pools are not counted. */
export const countWorkspaces = statement({
  name: 'template.count_workspaces',
  takes: takes<{ readonly id: TemplateId }>(),
  gives: { count: int },
  sql: `
    select count(*)::integer as count
    from workspaces
    where template_id = $id
      and deleted_at is null
      and owner_id <> '${PREBUILDS_USER_ID}'`,
});

/**
 * Keeps the version the active one of a template from which people may create, until the transaction
 * ends. No row when it is not: promoted past, deprecated or deleted meanwhile.
 */
export const holdActiveVersion = statement({
  name: 'template.hold_active_version',
  takes: takes<{ readonly templateId: TemplateId; readonly versionId: VersionId }>(),
  gives: { enforcesQuota: bool },
  sql: `
    select (
        select enforces_quota from organizations o where o.id = organization_id
      ) as enforces_quota
    from templates
    where id = $templateId
      and active_version_id = $versionId
      and deprecated = ''
      and deleted_at is null
    for share`,
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

/** Whether it was deleted or not. */
export function getTemplate(on: Executor, id: TemplateId): Promise<TemplateRow> {
  return byId.one(on, { id });
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
  for (;;) {
    await insert.run(on, template);
    const locked = await lock.maybe(on, template);
    if (locked !== undefined) return locked.id;
    // The one that was there has just been deleted, and the name is free.
  }
}

/** Locks the pools of a template against being reconciled until the transaction ends. */
export async function lockPoolsOfTemplate(
  on: Executor,
  id: TemplateId,
): Promise<readonly PoolId[]> {
  return (await lockPools.all(on, { id })).map(({ poolId }) => poolId);
}

/** Locks the template's own row, after those of its pools. False for one that was deleted. */
export async function lockLiveTemplate(on: Executor, id: TemplateId): Promise<boolean> {
  return (await lockLive.maybe(on, { id })) !== undefined;
}

/** Those of its pools that something asks for or that have anything alive. */
export async function listLivePools(on: Executor, id: TemplateId): Promise<readonly PoolId[]> {
  return (await livePools.all(on, { id })).map(({ poolId }) => poolId);
}

/** False when it says so already. Under the template's lock, as is `markDeleted`. */
export async function storeDeprecated(
  on: Executor,
  id: TemplateId,
  message: string,
): Promise<boolean> {
  return (await setDeprecated.run(on, { id, message })) > 0;
}

export async function markDeleted(on: Executor, id: TemplateId): Promise<void> {
  await setDeleted.run(on, { id });
}

/** Makes the version the template's active one. False, and nothing changed, unless its import succeeded. */
export async function activateVersion(
  on: Executor,
  id: TemplateId,
  versionId: VersionId,
): Promise<boolean> {
  return (await activate.run(on, { id, versionId })) > 0;
}
