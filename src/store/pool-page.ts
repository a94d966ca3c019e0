// Pools for people: which there are, and what is in one.
import type { OrganizationId, PoolId, WorkspaceId } from '../base/id.ts';
import { bool, instant, int, json, nullable, text, uuid, type RowOf } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { REHEARSAL_OF_PRESET, type RehearsalRow } from './rehearsal.ts';
import { statement, takes, type NoArgs } from './statement.ts';

const poolColumns = {
  id: uuid<PoolId>(),
  organizationId: uuid<OrganizationId>(),
  organization: text,
  template: text,
  preset: text,
  /** The active version, where it asks for the pool. */
  version: nullable(text),
  paused: bool,
  sizeOverride: nullable(int),
  overridesSchedules: bool,
  lastInvalidatedAt: nullable(instant),
  /** Of the active version. */
  rehearsal: nullable(json<RehearsalRow>()),
};

export type PoolRow = RowOf<typeof poolColumns>;

const POOLS = `
  select l.id, l.organization_id, o.name as organization, t.name as template,
    l.preset_name as preset, asking.version, l.paused,
    l.size_override, l.overrides_schedules, l.last_invalidated_at, asking.rehearsal
  from pools l
  join organizations o on o.id = l.organization_id
  join templates t on t.id = l.template_id
  left join lateral (
    select v.name as version, ${REHEARSAL_OF_PRESET} as rehearsal
    from presets p
    join template_versions v on v.id = p.version_id
    where p.version_id = t.active_version_id
      and p.pool_id = l.id
  ) as asking on true`;

/** Those that something asks for or that have anything alive, by template and preset. */
export const listPools = statement({
  name: 'pool.list',
  takes: takes<{
    readonly organizationId: OrganizationId;
    /** Null: of all templates. */
    readonly template: string | null;
    /** The last one of the page before; null: the first page. */
    readonly after: PoolId | null;
    readonly limit: number;
  }>(),
  gives: poolColumns,
  sql: `
    ${POOLS}
    where l.organization_id = $organizationId
      ${ifGiven('and t.name = $template::text')}
      and ((asking.version is not null and t.deleted_at is null)
        or exists (select from pool_members m where m.pool_id = l.id))
      ${ifGiven(`and (t.name, l.preset_name, l.id) > (
        select former_t.name, former.preset_name, former.id
        from pools former
        join templates former_t on former_t.id = former.template_id
        where former.id = $after::uuid)`)}
    order by t.name, l.preset_name, l.id
    limit $limit`,
});

/** Those that something asks for or that have anything alive, of everybody. */
export const listAllPoolIds = statement({
  name: 'pool.list_ids',
  takes: takes<NoArgs>(),
  gives: { poolId: uuid<PoolId>() },
  sql: `
    select p.pool_id
    from templates t
    join presets p on p.version_id = t.active_version_id
    where t.deleted_at is null
      and p.pool_id is not null
    union
    select pool_id from pool_members`,
});

export const findPool = statement({
  name: 'pool.find',
  takes: takes<{
    readonly organizationId: OrganizationId;
    readonly template: string;
    readonly preset: string;
  }>(),
  gives: poolColumns,
  sql: `
    ${POOLS}
    where l.organization_id = $organizationId
      and t.name = $template
      and t.deleted_at is null
      and l.preset_name = $preset`,
});

/** These, whatever became of their templates, by template and preset. */
export const listPoolsById = statement({
  name: 'pool.list_by_id',
  takes: takes<{ readonly poolIds: readonly PoolId[] }>(),
  gives: poolColumns,
  sql: `
    ${POOLS}
    where l.id = any ($poolIds::uuid[])
    order by t.name, l.preset_name, l.id`,
});

export const listPoolWorkspaces = statement({
  name: 'pool.list_workspaces',
  takes: takes<{ readonly poolId: PoolId }>(),
  gives: {
    workspaceId: uuid<WorkspaceId>(),
    name: text,
    /** Of the latest build. */
    builtAt: instant,
    error: nullable(text),
  },
  sql: `
    select m.workspace_id, w.name, j.created_at as built_at, j.error
    from pool_members m
    join workspaces w on w.id = m.workspace_id
    join jobs j on j.id = m.job_id
    where m.pool_id = $poolId
    order by m.workspace_id`,
});

export const listPoolEvents = statement({
  name: 'pool_event.list',
  takes: takes<{ readonly poolId: PoolId; readonly limit: number }>(),
  gives: {
    kind: text,
    at: instant,
    workspaceId: nullable(uuid<WorkspaceId>()),
    reason: nullable(text),
    details: json<Readonly<Record<string, unknown>>>(),
  },
  sql: `
    select kind, at, workspace_id, reason, details
    from pool_events
    where pool_id = $poolId
    order by at desc, id
    limit $limit`,
});
