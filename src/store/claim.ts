// What a request for a workspace is judged by, and what a miss is explained by.
import type {
  OrganizationId,
  PoolId,
  PresetId,
  TemplateId,
  UserId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { PresetStatus } from '../domain/pool/snapshot.ts';
import { bool, count, float, json, nullable, oneOf, text, uuid } from './column.ts';
import type { ClaimOrder } from './claim-take.ts';
import { DROPPED_KEY, PRIOR_REQUEST, type PriorRequest } from './idempotency-key.ts';
import { FRESH_SINCE } from './live-pool/fresh-since.ts';
import { READY_NOW } from './live-pool/ready-now.ts';
import { statement, takes } from './statement.ts';
import { IN_LINE } from './waiter.ts';

export interface ClaimPreset {
  readonly id: PresetId;
  readonly name: string;
  readonly isDefault: boolean;
  readonly poolId: PoolId | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly claimOrder: ClaimOrder;
}

/**
 * Everything a request for a workspace is judged by, in one read; a row even where nothing is found.
 * What its idempotency key stood for more than a day ago is dropped by the way.
 */
export const resolveRequest = statement({
  name: 'claim.resolve_request',
  takes: takes<{
    readonly organization: string;
    readonly template: string;
    readonly userId: UserId;
    /** Null: the request has none. */
    readonly idempotencyKey: string | null;
  }>(),
  gives: {
    prior: nullable(json<PriorRequest>()),
    organizationId: nullable(uuid<OrganizationId>()),
    enforcesQuota: bool,
    isMember: bool,
    templateId: nullable(uuid<TemplateId>()),
    deprecated: nullable(text),
    versionId: nullable(uuid<VersionId>()),
    manifest: nullable(json<unknown>()),
    presets: json<readonly ClaimPreset[]>(),
  },
  sql: `
    with ${DROPPED_KEY}
    select ${PRIOR_REQUEST} as prior,
      o.id as organization_id,
      coalesce(o.enforces_quota, false) as enforces_quota,
      exists (
        select from memberships m where m.organization_id = o.id and m.user_id = $userId
      ) as is_member,
      t.id as template_id,
      t.deprecated,
      v.id as version_id,
      v.manifest,
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'id', p.id,
          'name', p.name,
          'isDefault', p.is_default,
          'poolId', p.pool_id,
          'parameters', p.parameters,
          'claimOrder', p.claim_order) order by p.name)
        from presets p
        where p.version_id = v.id
      ), '[]') as presets
    from (select) as asked
    left join organizations o on o.name = $organization
    left join templates t
      on t.organization_id = o.id and t.name = $template and t.deleted_at is null
    left join template_versions v on v.id = t.active_version_id`,
});

/** What there was instead of a prebuild to take. */
export const explainMiss = statement({
  name: 'claim.explain_miss',
  takes: takes<{ readonly presetId: PresetId; readonly priority: number }>(),
  gives: {
    paused: bool,
    presetStatus: oneOf<PresetStatus>(),
    hardLimited: bool,
    running: count,
    expired: count,
    /** At work; those that failed and are kept as evidence are not. */
    starting: count,
    /** Can be handed over at this moment. */
    eligible: count,
    /** Those who go before somebody of this priority. */
    waiting: count,
    /** Mean duration of the pool's newest good builds; null when there are none. */
    buildMs: nullable(float),
  },
  sql: `
    select l.paused,
      p.status as preset_status,
      exists (select from pool_brakes k where k.pool_id = l.id and k.limited_at is not null)
        as hard_limited,
      count(m.workspace_id) filter (where m.running_since is not null) as running,
      count(m.workspace_id) filter (
        where m.running_since is not null and m.born_at < ${FRESH_SINCE}) as expired,
      count(*) filter (where building.status in ('pending', 'running')) as starting,
      count(m.workspace_id) filter (
        where ${READY_NOW} and (m.born_at < ${FRESH_SINCE}) is not true) as eligible,
      (
        select count(*)
        from waiters q
        where q.pool_id = l.id
          and ${IN_LINE}
          and q.priority >= $priority::integer
      ) as waiting,
      (
        select avg(extract(epoch from d.completed_at - d.created_at) * 1000)::float8
        from judged_builds d
        where d.pool_id = l.id and not d.failed
      ) as build_ms
    from presets p
    join pools l on l.id = p.pool_id
    -- By the pool, which has an index: all of its presets' members are few, all members are not.
    left join pool_members m on m.pool_id = l.id and m.preset_id = p.id
    left join lateral (
      select status
      from jobs
      where jobs.id = m.job_id
        and m.running_since is null
        and m.transition = 'start'
      offset 0
    ) as building on true
    where p.id = $presetId
    group by l.id, p.id`,
});

/** Records a request that no prebuild could serve: in `workspaceId`'s making, or in nothing (null). */
export const recordMiss = statement({
  name: 'claim.record_miss',
  takes: takes<{
    readonly claimId: string;
    readonly eventId: string;
    readonly organizationId: OrganizationId;
    readonly templateId: TemplateId;
    readonly userId: UserId;
    readonly poolId: PoolId | null;
    readonly preset: string;
    readonly workspaceId: WorkspaceId | null;
    readonly epoch: number | null;
    readonly reason: string;
    readonly resolveMs: number;
  }>(),
  gives: {},
  sql: `
    with told as (
      insert into pool_events (id, pool_id, kind, workspace_id, reason, at)
      select $eventId, $poolId::uuid, 'missed', $workspaceId::uuid, $reason, (select standby_now())
      where $poolId::uuid is not null
    ), counted as (
      insert into counter_steps (counter, template_id, preset, labels, amount)
      values ('claims_missed', $templateId, $preset, jsonb_build_object('reason', $reason::text), 1)
    )
    insert into claims
      (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch, outcome, reason,
       stage_ms, at)
    values ($claimId, $organizationId, $templateId, $userId, $poolId::uuid, $workspaceId::uuid,
      $epoch::integer, 'miss', $reason, jsonb_build_object('resolve', $resolveMs::float8),
      (select standby_now()))`,
});
