// Who waits for a prebuild: their place in line, and what they asked for. The line of a pool is locked by
// the pool's row; whoever leaves it locks its own row alone.
import type {
  DataKeyId,
  OrganizationId,
  PoolId,
  TemplateId,
  UserId,
  WaiterId,
  WorkspaceId,
} from '../base/id.ts';
import type { StartSchedule } from '../domain/schedule/next-start.ts';
import type { MissReason } from '../domain/claim/miss-reason.ts';
import type { WaiterState, WaitOutcome } from '../domain/waiter/outcome.ts';
import type { AutomaticUpdates } from '../domain/workspace/automatic-updates.ts';
import {
  bool,
  bytes,
  count,
  float,
  instant,
  int,
  json,
  nullable,
  oneOf,
  text,
  uuid,
  type RowOf,
} from './column.ts';
import { PLACES_LOCK } from './advisory-lock.ts';
import { ifGiven } from './compile-sql.ts';
import { AUTOSTART } from './life.ts';
import { FRESH_SINCE } from './live-pool/fresh-since.ts';
import { READY_NOW } from './live-pool/ready-now.ts';
import { statement, takes, type NoArgs } from './statement.ts';

/** On `waiters q`: it has a place in line. Past its deadline it has none, whether that was noted or not. */
export const IN_LINE = `(q.ended_at is null and q.deadline_at > (select standby_now()))`;

/** As IN_LINE, and nothing was taken for it whose agents have yet to answer. */
export const HAS_NOTHING = `(${IN_LINE} and q.workspace_id is null)`;

/** As IN_LINE, and something was: it keeps its place until it is served, or that is void. */
export const HAS_UNPROVEN = `(${IN_LINE} and q.workspace_id is not null)`;

export interface NewWaiter {
  readonly id: WaiterId;
  readonly eventId: string;
  readonly organizationId: OrganizationId;
  readonly templateId: TemplateId;
  readonly poolId: PoolId;
  readonly userId: UserId;
  readonly name: string;
  readonly priority: number;
  /** As JSON. */
  readonly parameters: string;
  readonly keyId: DataKeyId | null;
  readonly sealed: Buffer | null;
  readonly missReason: MissReason;
  readonly timeoutSeconds: number;
  /** Null: as the template says; 0: none. */
  readonly ttlSeconds: number | null;
  /** When it starts by itself; null: never. */
  readonly cron: string | null;
  readonly timezone: string | null;
  readonly automaticUpdates: AutomaticUpdates | null;
}

/** Makes requests of one person for a place take turns until the end of the transaction. */
export const lockPlaces = statement({
  name: 'waiter.lock_places',
  takes: takes<{ readonly userId: UserId }>(),
  gives: { locked: text },
  sql: `
    select pg_advisory_xact_lock(${PLACES_LOCK}, hashtext($userId::text))::text as locked`,
});

/** Read by a statement of its own, after the lock. */
export const countPlaces = statement({
  name: 'waiter.count_places',
  takes: takes<{ readonly userId: UserId }>(),
  gives: { places: count },
  sql: `
    select count(*) as places
    from waiters q
    where q.user_id = $userId
      and ${IN_LINE}`,
});

/** Breaks waiters_user_id_name_key or workspaces_owner_id_name_key where the name is taken. */
export const insertWaiter = statement({
  name: 'waiter.insert',
  takes: takes<NewWaiter>(),
  gives: {},
  sql: `
    with told as (
      insert into pool_events (id, pool_id, kind, reason, at)
      values ($eventId, $poolId, 'waiting', $missReason, (select standby_now()))
    )
    insert into waiters
      (id, organization_id, template_id, pool_id, user_id, name, priority, parameters, key_id, sealed,
       miss_reason, ttl_seconds, autostart_schedule, autostart_timezone, automatic_updates, created_at,
       deadline_at)
    values ($id, $organizationId, $templateId, $poolId, $userId, $name, $priority, $parameters::jsonb,
      $keyId, $sealed, $missReason, $ttlSeconds::integer, $cron::text, $timezone::text,
      $automaticUpdates::text,
      (select standby_now()),
      (select standby_now()) + make_interval(secs => $timeoutSeconds))`,
});

/** Served by priority, the highest first, and then by turn. */
export interface Place {
  readonly priority: number;
  readonly turn: number;
}

/** What there is for the line of a pool. */
export const readLine = statement({
  name: 'waiter.read_line',
  takes: takes<{ readonly poolId: PoolId }>(),
  gives: {
    organization: text,
    template: text,
    preset: text,
    /** The version that is active asks for the pool, and its template is there. */
    isAsked: bool,
    deprecated: text,
    /** Prebuilds that can be handed over. */
    eligible: count,
    /** The places of those whose agents have yet to answer. */
    unproven: json<readonly Place[]>(),
  },
  sql: `
    select o.name as organization, t.name as template, l.preset_name as preset,
      p.id is not null and t.deleted_at is null as is_asked,
      t.deprecated,
      (
        select count(*)
        from pool_members m
        where m.preset_id = p.id
          and ${READY_NOW}
          and (m.born_at < ${FRESH_SINCE}) is not true
      ) as eligible,
      coalesce((
        select jsonb_agg(jsonb_build_object('priority', q.priority, 'turn', q.turn))
        from waiters q
        where q.pool_id = l.id
          and ${HAS_UNPROVEN}
      ), '[]') as unproven
    from pools l
    join organizations o on o.id = l.organization_id
    join templates t on t.id = l.template_id
    left join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
    where l.id = $poolId`,
});

const nextColumns = {
  id: uuid<WaiterId>(),
  userId: uuid<UserId>(),
  username: text,
  isAdmin: bool,
  isActive: bool,
  isMember: bool,
  name: text,
  priority: int,
  turn: count,
  parameters: json<Readonly<Record<string, string>>>(),
  keyId: nullable(uuid<DataKeyId>()),
  sealed: nullable(bytes),
  ttlSeconds: nullable(int),
  autostart: nullable(json<StartSchedule>()),
  automaticUpdates: nullable(oneOf<AutomaticUpdates>()),
  waitedMs: float,
};

export type NextWaiter = RowOf<typeof nextColumns>;

/** Whose the first places of the line are. */
export const listNextUsers = statement({
  name: 'waiter.list_next_users',
  takes: takes<{ readonly poolId: PoolId; readonly limit: number }>(),
  gives: { userId: uuid<UserId>() },
  sql: `
    select q.user_id
    from waiters q
    where q.pool_id = $poolId
      and ${HAS_NOTHING}
    order by q.priority desc, q.turn
    limit $limit`,
});

/** Locks the first of the line, in its order. The caller holds the pool's lock. */
export const lockNextWaiters = statement({
  name: 'waiter.lock_next',
  takes: takes<{ readonly poolId: PoolId; readonly limit: number }>(),
  gives: nextColumns,
  sql: `
    select q.id, q.user_id, u.username, 'admin' = any (u.site_roles) as is_admin,
      u.status = 'active' as is_active,
      exists (
        select from memberships m
        where m.organization_id = q.organization_id and m.user_id = q.user_id
      ) as is_member,
      q.name, q.priority, q.turn, q.parameters, q.key_id, q.sealed, q.ttl_seconds,
      ${AUTOSTART} as autostart, q.automatic_updates,
      (extract(epoch from (select standby_now()) - q.created_at) * 1000)::float8 as waited_ms
    from waiters q
    join users u on u.id = q.user_id
    where q.pool_id = $poolId
      and ${HAS_NOTHING}
    order by q.priority desc, q.turn
    limit $limit
    for update of q`,
});

/** Whether agents have yet to answer for somebody who goes before who asks with this priority. */
export const hasUnprovenBefore = statement({
  name: 'waiter.has_unproven_before',
  takes: takes<{ readonly poolId: PoolId; readonly priority: number }>(),
  gives: { isSo: bool },
  sql: `
    select exists (
      select
      from waiters q
      where q.pool_id = $poolId
        and ${HAS_UNPROVEN}
        and q.priority >= $priority::integer
    ) as is_so`,
});

/** Pools with a line, and whether anybody's deadline in it has passed. */
export const listPoolsWithLine = statement({
  name: 'waiter.list_pools',
  takes: takes<NoArgs>(),
  gives: { poolId: uuid<PoolId>(), isOverdue: bool },
  sql: `
    select pool_id, bool_or(deadline_at <= (select standby_now())) as is_overdue
    from waiters
    where ended_at is null
    group by pool_id`,
});

const pageColumns = {
  id: uuid<WaiterId>(),
  userId: uuid<UserId>(),
  owner: text,
  organizationId: uuid<OrganizationId>(),
  organization: text,
  template: text,
  preset: text,
  poolId: uuid<PoolId>(),
  name: text,
  priority: int,
  createdAt: instant,
  deadlineAt: instant,
  endedAt: nullable(instant),
  outcome: nullable(oneOf<WaitOutcome>()),
  /** That it was served with. */
  workspaceId: nullable(uuid<WorkspaceId>()),
  /** Something was taken for it, and its agents have yet to answer. */
  isUnproven: bool,
  errorCode: nullable(text),
  error: nullable(text),
  /** Until the deadline; not above 0 once it has passed. */
  leftMs: float,
  /** Counted from 1; null when it does not wait. */
  position: nullable(count),
};

export type WaiterRow = RowOf<typeof pageColumns>;

const WAITERS = `
  select q.id, q.user_id, u.username as owner, q.organization_id, o.name as organization,
    t.name as template, l.preset_name as preset, q.pool_id, q.name, q.priority, q.created_at,
    q.deadline_at, q.ended_at, q.outcome,
    case when q.ended_at is not null then q.workspace_id end as workspace_id,
    q.ended_at is null and q.workspace_id is not null as is_unproven,
    q.error_code, q.error,
    (extract(epoch from q.deadline_at - (select standby_now())) * 1000)::float8 as left_ms,
    case
      when q.ended_at is null then 1 + (
        select count(*)
        from waiters before
        where before.pool_id = q.pool_id
          and before.ended_at is null
          and before.deadline_at > (select standby_now())
          and (before.priority > q.priority
            or (before.priority = q.priority and before.turn < q.turn)))
    end as position
  from waiters q
  join users u on u.id = q.user_id
  join organizations o on o.id = q.organization_id
  join pools l on l.id = q.pool_id
  join templates t on t.id = q.template_id`;

export const findWaiter = statement({
  name: 'waiter.find',
  takes: takes<{ readonly id: WaiterId }>(),
  gives: pageColumns,
  sql: `
    ${WAITERS}
    where q.id = $id`,
});

/** Newest first. */
export const listWaiters = statement({
  name: 'waiter.list',
  takes: takes<{
    /** Null: of everybody. */
    readonly ownerId: UserId | null;
    /** Null: of any name. */
    readonly name: string | null;
    /** Null: of all templates. */
    readonly template: string | null;
    /** Null: in any state. */
    readonly state: WaiterState | null;
    /** The last one of the page before; null: the first page. */
    readonly before: WaiterId | null;
    readonly limit: number;
  }>(),
  gives: pageColumns,
  sql: `
    ${WAITERS}
    where true
      ${ifGiven('and q.user_id = $ownerId::uuid')}
      ${ifGiven('and q.name = $name::text')}
      ${ifGiven('and t.name = $template::text')}
      ${ifGiven(`and $state::text = coalesce(q.outcome, case
        when q.deadline_at > (select standby_now()) then 'waiting'
        else 'timed_out'
      end)`)}
      ${ifGiven('and q.id < $before::uuid')}
    order by q.id desc
    limit $limit`,
});

/** The line of a pool, the first first. */
export const listLine = statement({
  name: 'waiter.list_line',
  takes: takes<{ readonly poolId: PoolId; readonly limit: number }>(),
  gives: pageColumns,
  sql: `
    ${WAITERS}
    where q.pool_id = $poolId
      and ${IN_LINE}
    order by q.priority desc, q.turn
    limit $limit`,
});

/** How a pool builds, for whoever wants to know how long that takes. */
export const readPace = statement({
  name: 'waiter.read_pace',
  takes: takes<{ readonly poolId: PoolId }>(),
  gives: {
    /** For how long each of those has been queued or building that are. */
    buildingMs: json<readonly number[]>(),
    /** Mean duration of the newest good builds, queueing included; null when there are none. */
    buildMs: nullable(float),
  },
  sql: `
    select coalesce((
        select jsonb_agg(extract(epoch from (select standby_now()) - j.created_at) * 1000)
        from pools l
        join templates t on t.id = l.template_id
        join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
        join pool_members m on m.pool_id = l.id and m.preset_id = p.id
        join jobs j on j.id = m.job_id
        where l.id = $poolId
          and m.running_since is null
          and m.transition = 'start'
          and j.status in ('pending', 'running')
      ), '[]') as building_ms,
      (
        select avg(extract(epoch from d.completed_at - d.created_at) * 1000)::float8
        from judged_builds d
        where d.pool_id = $poolId and not d.failed
      ) as build_ms`,
});
