// What an organization's budget for creations is reckoned from.
import type { OrganizationId, PoolId } from '../base/id.ts';
import { BUDGET_LOCK } from './advisory-lock.ts';
import { bool, int, json, nullable, uuid } from './column.ts';
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
import { hasPrebuildMembership } from './prebuild-membership.ts';
import { quotaOfPools, type StoredSpending } from './quota.ts';
import { statement, takes } from './statement.ts';
import { unseen } from './unseen.ts';

/**
 * Makes creations of one organization take turns until the end of the transaction, so that two pools
 * never spend the same budget. Taken last, after the pool's row.
 */
export const lockCreationBudget = statement({
  name: 'creation_budget.lock',
  takes: takes<{ readonly organizationId: OrganizationId }>(),
  gives: {},
  sql: `
    select from (
      select pg_advisory_xact_lock(${BUDGET_LOCK}, hashtext($organizationId::text))) as locked`,
});

/**
 * Read by a statement of its own, after the lock. Counts jobs that are not done, not history. Tells beside
 * the figures whether the system user is in its place, which nearly always is so and costs no question here.
 */
export const readCreationBudget = statement({
  name: 'creation_budget.read',
  takes: takes<{
    readonly organizationId: OrganizationId;
    /** Of the organization. */
    readonly poolIds: readonly PoolId[];
  }>(),
  gives: {
    poolId: uuid<PoolId>(),
    slots: int,
    pools: int,
    inFlight: int,
    ownInFlight: int,
    hasMembership: bool,
    /** Null: none is enforced. Nobody else spends of it under the lock of this budget. */
    quota: nullable(json<StoredSpending>()),
  },
  sql: `
    with open_jobs as materialized (
      select id from jobs where status = 'pending' and class = 4
      union all
      select id from jobs where status in ('running', 'canceling') and class = 4
    ), open_creations as materialized (
      select m.pool_id
      from open_jobs j
      join pool_members m on m.job_id = j.id
      join pools l on l.id = m.pool_id
      where l.organization_id = $organizationId
      union all
      select w.pool_id
      from canaries c
      join workspaces w on w.id = c.workspace_id
      join builds b on b.workspace_id = w.id and b.number = 1
      join jobs j on j.id = b.job_id
      where w.organization_id = $organizationId
        and j.completed_at is null
    )
    select asked.pool_id,
      (select coalesce(sum(slots), 0)::integer
        from daemons d
        where coalesce(d.organization_id, $organizationId) = $organizationId
          and ${DAEMON_IS_SEEN})
        as slots,
      (select count(*)::integer
        from templates t
        join presets p on p.version_id = t.active_version_id
        join pools l on l.id = p.pool_id
        where t.organization_id = $organizationId
          and t.deleted_at is null
          and t.deprecated = ''
          and not l.paused
          -- A schedule may ask for some where the base count asks for none.
          and (coalesce(l.size_override, p.desired_instances) > 0
            or (p.schedules <> '[]' and not l.overrides_schedules)))
        as pools,
      (select count(*)::integer from open_creations) as in_flight,
      (select count(*)::integer from open_creations o where o.pool_id = asked.pool_id)
        as own_in_flight,
      ${hasPrebuildMembership('$organizationId')} as has_membership,
      ${quotaOfPools('$organizationId')} as quota
    from unnest(${unseen('$poolIds::uuid[]')}) as asked (pool_id)`,
});
