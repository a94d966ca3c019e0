// What users may spend in an organization, and what they do. Nothing is kept of either: it is reckoned from
// groups and from the latest builds of what somebody owns, under a lock where more is to be spent.
import type { OrganizationId, UserId, VersionId, WorkspaceId } from '../base/id.ts';
import type { Spending } from '../domain/quota/spending.ts';
import { QUOTA_LOCK } from './advisory-lock.ts';
import { amount, bool, json, text, textArray } from './column.ts';
import { statement, takes } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

const budgetOf = (organizationId: string, userId: string): string => `(
  select coalesce(sum(g.quota_allowance), 0)::bigint
  from groups g
  join group_members gm on gm.group_id = g.id
  where g.organization_id = ${organizationId}
    and gm.user_id = ${userId})`;

const usedBy = (organizationId: string, userId: string): string => `(
  select coalesce(sum(latest.daily_cost), 0)::bigint
  from workspaces owned
  cross join lateral (
    select b.daily_cost
    from builds b
    where b.workspace_id = owned.id
    order by b.number desc
    limit 1
  ) as latest
  where owned.owner_id = ${userId}
    and owned.organization_id = ${organizationId}
    and owned.deleted_at is null)`;

/** What the pools of an organization may spend and do, as a JSON value; null where no quota is enforced. */
export const quotaOfPools = (organizationId: string): string => `(
  select jsonb_build_object(
    'budget', ${budgetOf('o.id', `'${PREBUILDS_USER_ID}'`)},
    'used', ${usedBy('o.id', `'${PREBUILDS_USER_ID}'`)})
  from organizations o
  where o.id = ${organizationId}
    and o.enforces_quota)`;

export type StoredSpending = Spending | null;

/**
 * Makes those who would spend more for one of these users in the organization take turns until the end of the
 * transaction. In the order of their ids, whatever order they are given in: two who lock several never
 * wait for each other.
 */
export const lockQuotas = statement({
  name: 'quota.lock',
  takes: takes<{
    readonly organizationId: OrganizationId;
    readonly userIds: readonly UserId[];
  }>(),
  gives: { locked: text },
  sql: `
    select pg_advisory_xact_lock(
        hashtextextended($organizationId::text || user_id, ${QUOTA_LOCK}))::text as locked
    from (
      select distinct user_id::text
      from unnest($userIds::uuid[]) as given (user_id)
      order by user_id
    ) as asked`,
});

/** Read by a statement of its own, after the lock. */
export const readQuota = statement({
  name: 'quota.read',
  takes: takes<{
    readonly organizationId: OrganizationId;
    readonly userId: UserId;
    /** What is to be started, */
    readonly versionId: VersionId;
    /** and in which workspace; null: in a new one. */
    readonly workspaceId: WorkspaceId | null;
  }>(),
  gives: {
    budget: amount,
    used: amount,
    /** What the workspace costs now, which is a part of what is used, */
    present: amount,
    /** and what it would. */
    cost: amount,
  },
  sql: `
    select ${budgetOf('$organizationId', '$userId')} as budget,
      ${usedBy('$organizationId', '$userId')} as used,
      coalesce((
        select b.daily_cost
        from builds b
        where b.workspace_id = $workspaceId::uuid
        order by b.number desc
        limit 1
      ), 0) as present,
      v.daily_cost as cost
    from template_versions v
    where v.id = $versionId`,
});

/** For people: what somebody may spend and does, and what the pools do and would. */
export const readQuotaPage = statement({
  name: 'quota.read_page',
  takes: takes<{ readonly organizationId: OrganizationId; readonly userId: UserId }>(),
  gives: {
    enforced: bool,
    currencies: textArray,
    budget: amount,
    used: amount,
    poolsBudget: amount,
    poolsUsed: amount,
    /**
     * With every pool as large as its template, its schedules or an operator ever want it, beside what is
     * deleted or was kept after a failure, and costs until it is gone.
     */
    poolsNeed: amount,
  },
  sql: `
    select o.enforces_quota as enforced,
      (
        select coalesce(array_agg(distinct v.manifest #>> '{cost,currency}'
            order by v.manifest #>> '{cost,currency}'), '{}')
        from templates t
        join template_versions v on v.id = t.active_version_id
        where t.organization_id = o.id
          and t.deleted_at is null
          and v.daily_cost > 0
      ) as currencies,
      ${budgetOf('o.id', '$userId')} as budget,
      ${usedBy('o.id', '$userId')} as used,
      ${budgetOf('o.id', `'${PREBUILDS_USER_ID}'`)} as pools_budget,
      ${usedBy('o.id', `'${PREBUILDS_USER_ID}'`)} as pools_used,
      (
        select coalesce(sum(v.daily_cost * greatest(
            coalesce(l.size_override, p.desired_instances),
            case when not l.overrides_schedules then (
              select max((s ->> 'instances')::integer)
              from jsonb_array_elements(p.schedules) as s
            ) end)), 0)::bigint
        from templates t
        join template_versions v on v.id = t.active_version_id
        join presets p on p.version_id = v.id
        join pools l on l.id = p.pool_id
        where t.organization_id = o.id
          and t.deleted_at is null
          and t.deprecated = ''
          and not l.paused
      ) + (
        select coalesce(sum(b.daily_cost), 0)::bigint
        from pools l
        join pool_members m on m.pool_id = l.id
        join builds b on b.job_id = m.job_id
        join jobs j on j.id = m.job_id
        where l.organization_id = o.id
          and (m.transition <> 'start' or j.status in ('failed', 'canceled'))
      ) as pools_need
    from organizations o
    where o.id = $organizationId`,
});

/** As many as are shown of those who spend more than they may. */
const SHOWN_OVERSPENT = 100;

export interface Overspent extends Spending {
  readonly username: string;
}

/** People of an organization who spend more than they may, or would, were its quota enforced. */
export const listOverspent = statement({
  name: 'quota.list_overspent',
  takes: takes<{ readonly organizationId: OrganizationId }>(),
  gives: { overspent: json<readonly Overspent[]>() },
  sql: `
    with owners as (
      select distinct owner_id
      from workspaces
      where organization_id = $organizationId
        and owner_id <> '${PREBUILDS_USER_ID}'
        and deleted_at is null
    ), spending as materialized (
      -- Else the condition on it is asked of all users there are, before they are joined with the owners.
      select u.username,
        ${budgetOf('$organizationId', 'u.id')} as budget,
        ${usedBy('$organizationId', 'u.id')} as used
      from owners
      join users u on u.id = owners.owner_id
    ), overspent as (
      select *
      from spending
      where used > budget
      order by username
      limit ${SHOWN_OVERSPENT}
    )
    select coalesce(jsonb_agg(to_jsonb(overspent) order by username), '[]') as overspent
    from overspent`,
});

/** Turns it on or off. What is being served at this moment is served as before. */
export const storeEnforcesQuota = statement({
  name: 'quota.store_enforced',
  takes: takes<{ readonly organizationId: OrganizationId; readonly enforced: boolean }>(),
  gives: {},
  sql: `
    update organizations
    set enforces_quota = $enforced
    where id = $organizationId
      and enforces_quota <> $enforced`,
});
