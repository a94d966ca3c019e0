// Taking a prebuilt workspace: the statement that picks and takes one, and what a miss is explained by.
// Runs at READ COMMITTED. Claims lock a pool member, then its workspace, and never the pool's row.
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
import { bool, count, float, int, json, nullable, oneOf, text, uuid } from './column.ts';
import { DROPPED_KEY, PRIOR_REQUEST, type PriorRequest } from './idempotency-key.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { statement, takes, type Statement } from './statement.ts';
import { READY_NOW } from './live-pool/ready-now.ts';

export type ClaimOrder = 'oldest' | 'newest';

export interface ClaimPreset {
  readonly id: PresetId;
  readonly name: string;
  readonly isDefault: boolean;
  readonly poolId: PoolId | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly claimOrder: ClaimOrder;
}

// What was born before has expired: by the last invalidation, or at this instant by the preset's TTL.
const FRESH_SINCE = `greatest('-infinity', l.last_invalidated_at,
  (select standby_now()) - make_interval(secs => nullif(p.ttl_seconds, 0)))`;

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

export interface TakeArgs {
  readonly presetId: PresetId;
  readonly userId: UserId;
  readonly isAdmin: boolean;
  readonly name: string;
  readonly claimId: string;
  readonly eventId: string;
  /** Null: the request has none. */
  readonly idempotencyKey: string | null;
  readonly bodyHash: Buffer;
  readonly resolveMs: number;
}

const taken = {
  workspaceId: uuid<WorkspaceId>(),
  poolId: uuid<PoolId>(),
  machineId: nullable(text),
  /** Of its latest build. */
  buildNumber: int,
};

/**
 * Picks one eligible prebuild of the preset, gives it to the user, and writes all that belongs to a
 * claim: ended sessions, the claim's record, the pool's event, the count, the idempotency key. Takes none
 * when the preset is not of an active version any more, or the user not of the organization.
 *
 * `limit 1` stands in a MATERIALIZED query, which locks exactly one row. As `in (select … limit 1)`
 * the planner may run it once per row under a nested loop, and then takes the whole pool.
 *
 * The members have to be walked in the order of pool_members_claim_idx, up to the first that fits: read
 * and sorted, 300 of them cost 940 buffers instead of 40. Whether the planner does so hangs on how many
 * it believes to fit, and it believes in few where pools are many. So nothing is joined to the members,
 * the version is compared once for all of a preset, and freshness is a \`not true\`, which is taken to be
 * likely.
 */
function takeStatement(order: ClaimOrder): Statement<TakeArgs, typeof taken> {
  const direction = order === 'oldest' ? 'asc' : 'desc';
  return statement({
    name: `claim.take_${order}`,
    takes: takes<TakeArgs>(),
    gives: taken,
    sql: `
      with wanted as materialized (
        select ${FRESH_SINCE} as fresh_since
        from presets p
        join pools l on l.id = p.pool_id
        join templates t on t.id = l.template_id and t.active_version_id = p.version_id
        where p.id = $presetId
          and t.deprecated = ''
          and t.deleted_at is null
          and ($isAdmin or exists (
            select from memberships m where m.organization_id = t.organization_id and m.user_id = $userId
          ))
      ), picked as materialized (
        select m.workspace_id, m.build_number
        from pool_members m
        where m.preset_id = $presetId
          and ${READY_NOW}
          and exists (select from wanted)
          and (m.born_at < (select fresh_since from wanted)) is not true
        order by m.born_at ${direction}, m.workspace_id ${direction}
        limit 1
        for update skip locked
      ), removed as (
        delete from pool_members
        where workspace_id = (select workspace_id from picked)
        returning workspace_id
      ), owned as (
        update workspaces w
        set owner_id = $userId,
          name = $name,
          epoch = w.epoch + 1,
          updated_at = (select standby_now()),
          last_used_at = (select standby_now()),
          dormant_at = null
        where w.id = (select workspace_id from removed)
          and w.owner_id = '${PREBUILDS_USER_ID}'
        returning w.id, w.epoch, w.organization_id, w.template_id, w.pool_id, w.machine_id
      ), ended as (
        update agent_sessions
        set ended_at = (select standby_now())
        where workspace_id = (select id from owned)
          and ended_at is null
      ), recorded as (
        insert into claims
          (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch, outcome,
           stage_ms, at)
        select $claimId, organization_id, template_id, $userId, pool_id, id, epoch, 'hit',
          jsonb_build_object('resolve', $resolveMs::float8), (select standby_now())
        from owned
      ), told as (
        insert into pool_events (id, pool_id, kind, workspace_id, at)
        select $eventId, pool_id, 'claimed', id, (select standby_now())
        from owned
      ), counted as (
        insert into counter_steps (counter, template_id, preset, amount)
        select 'prebuilds_claimed', l.template_id, l.preset_name, 1
        from owned
        join pools l on l.id = owned.pool_id
      ), keyed as (
        insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
        select $userId, $idempotencyKey::text, $bodyHash::bytea, id, (select standby_now())
        from owned
        where $idempotencyKey::text is not null
      )
      select id as workspace_id, pool_id, machine_id,
        (select build_number from picked) as build_number
      from owned`,
  });
}

export const takePrebuild: Readonly<Record<ClaimOrder, Statement<TakeArgs, typeof taken>>> = {
  oldest: takeStatement('oldest'),
  newest: takeStatement('newest'),
};

/** What there was instead of a prebuild to take. */
export const explainMiss = statement({
  name: 'claim.explain_miss',
  takes: takes<{ readonly presetId: PresetId }>(),
  gives: {
    paused: bool,
    presetStatus: oneOf<PresetStatus>(),
    hardLimited: bool,
    running: count,
    expired: count,
    /** At work; those that failed and are kept as evidence are not. */
    starting: count,
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
