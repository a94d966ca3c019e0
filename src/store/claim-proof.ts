// What becomes of a claim whose agents have to answer it: `taken` at first, then a hit (claim-confirm.ts), or void. Until
// it is a hit nobody is told of it. Both ends lock the claim's row while it is `taken`: of two who decide one is too late.
import type { PoolId, VersionId, WaiterId, WorkspaceId } from '../base/id.ts';
import { PREBUILD_PREFIX } from '../domain/name/name.ts';
import { bool, int, nullable, oneOf, uuid } from './column.ts';
import { AGENT_WATCH } from './live-pool/ready-now.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { statement, takes } from './statement.ts';

export interface TakenClaim {
  readonly workspaceId: WorkspaceId;
  readonly epoch: number;
}

/** On `claims c`: how long its agents have had. */
export const PROVE_MS = `round(extract(epoch from (select standby_now()) - c.at) * 1000)::float8`;

/**
 * On `claims c`: nobody has settled it. Written so that claims_taken_idx does not fit: next to nothing is in it,
 * mostly, so the planner takes it where one claim is looked up, and reads all that were ever in it while an old snapshot
 * keeps them from being vacuumed.
 */
export const IS_TAKEN = `coalesce(c.outcome, '') = 'taken'`;

/** Signs of life could not be stored for a while: agents that live may not have been heard of since. */
export const NOBODY_IS_JUDGED = `exists (
            select
            from watches
            where name = '${AGENT_WATCH}'
              and judging_from > (select standby_now()))`;

/** Somebody has built on it since it was taken, so they know of it. */
const IS_IN_USE = `exists (
            select
            from builds b
            where b.workspace_id = $workspaceId
              and b.initiator_id <> '${PREBUILDS_USER_ID}')`;

export const findClaimOutcome = statement({
  name: 'claim.find_outcome',
  takes: takes<TakenClaim>(),
  gives: { outcome: oneOf<'taken' | 'hit' | 'failed' | 'void'>() },
  sql: `
    select outcome
    from claims
    where workspace_id = $workspaceId
      and epoch = $epoch`,
});

/** Keeps builds away from what is to be void. No row: it is not `taken` any more, or somebody uses it. */
export const lockTakenClaim = statement({
  name: 'claim.lock_taken',
  takes: takes<TakenClaim>(),
  gives: { workspaceId: uuid<WorkspaceId>() },
  sql: `
    select w.id as workspace_id
    from workspaces w
    join claims c on c.workspace_id = w.id and c.epoch = w.epoch
    where w.id = $workspaceId
      and w.epoch = $epoch
      and w.deleted_at is null
      and ${IS_TAKEN}
    for update of w, c`,
});

/**
 * Takes the workspace from who it was taken for, with what they gave, and frees its name and the idempotency key. Who
 * has waited for it is in line again, at the place that they had.
 * The claim is locked, by a statement before this one, which sees every build of the time before the lock.
 */
export const voidClaim = statement({
  name: 'claim.void',
  takes: takes<TakenClaim & { readonly eventId: string }>(),
  gives: {
    poolId: uuid<PoolId>(),
    /** Who is in line again. */
    waiterId: nullable(uuid<WaiterId>()),
  },
  sql: `
    with voided as (
      update workspaces w
      set owner_id = '${PREBUILDS_USER_ID}',
        name = '${PREBUILD_PREFIX}' || replace(w.id::text, '-', ''),
        epoch = w.epoch + 1,
        voided_at = (select standby_now()),
        updated_at = (select standby_now()),
        ttl_seconds = null,
        deadline_at = null,
        lifetime_ends_at = null,
        idle_stop_seconds = null,
        dormant_after_seconds = null,
        delete_dormant_after_seconds = null,
        automatic_updates = 'never',
        autostart_schedule = null,
        autostart_timezone = null,
        next_start_at = null,
        dormant_at = null,
        due_at = null
      where w.id = $workspaceId
        and w.epoch = $epoch
        and not ${IS_IN_USE}
      returning w.id, w.pool_id, w.template_id
    ), ended as (
      update agent_sessions
      set ended_at = (select standby_now())
      where workspace_id = any (array(select id from voided))
        and ended_at is null
    ), without_values as (
      delete from owner_values
      where workspace_id = any (array(select id from voided))
    ), recorded as (
      update claims c
      set outcome = 'void',
        stage_ms = c.stage_ms || jsonb_build_object('prove', ${PROVE_MS})
      from voided
      where c.workspace_id = voided.id
        and c.epoch = $epoch
      returning c.user_id, c.workspace_id, c.stage_ms
    ), without_key as (
      delete from idempotency_keys k
      using recorded
      where k.user_id = recorded.user_id
        and k.workspace_id = recorded.workspace_id
    ), told as (
      insert into pool_events (id, pool_id, kind, workspace_id, details, at)
      select $eventId, voided.pool_id, 'claim_voided', voided.id,
        jsonb_build_object('prove_ms', recorded.stage_ms->'prove'), (select standby_now())
      from voided
      join recorded on recorded.workspace_id = voided.id
    ), counted as (
      insert into counter_steps (counter, template_id, preset, amount)
      select 'claims_voided', voided.template_id, l.preset_name, 1
      from voided
      join pools l on l.id = voided.pool_id
    ), in_line_again as (
      update waiters q
      set workspace_id = null
      from voided
      where q.workspace_id = voided.id
        and q.ended_at is null
      returning q.id
    )
    select voided.pool_id, a.id as waiter_id
    from voided
    left join in_line_again a on true`,
});

/** In the transaction that took it: a build of the request's begins with the proof, and nobody else knows it. */
export const noteBuildToCome = statement({
  name: 'claim.note_build_to_come',
  takes: takes<TakenClaim>(),
  gives: {},
  sql: `
    update claims
    set needs_build = true
    where workspace_id = $workspaceId
      and epoch = $epoch`,
});

/** Claims that nobody has settled in so long that whoever should have is gone. Uses claims_taken_idx. */
export const findUnsettledClaims = statement({
  name: 'claim.find_unsettled',
  takes: takes<{ readonly afterMs: number; readonly limit: number }>(),
  gives: {
    workspaceId: uuid<WorkspaceId>(),
    epoch: int,
    versionId: uuid<VersionId>(),
    needsBuild: bool,
    /** An agent has said nothing for its whole time-out, and silence may be judged. */
    isSilent: bool,
  },
  sql: `
    select c.workspace_id, c.epoch, latest.version_id, c.needs_build,
      exists (
        select
        from agents a
        where a.workspace_id = c.workspace_id
          and a.kind = 'program'
          and (a.last_seen_at + make_interval(secs => a.timeout_seconds)
            >= (select standby_now())) is not true)
        and not ${NOBODY_IS_JUDGED} as is_silent
    from claims c
    cross join lateral (
      select b.version_id
      from builds b
      where b.workspace_id = c.workspace_id
      order by b.number desc
      limit 1
    ) as latest
    where c.outcome = 'taken'
      and c.at < (select standby_now()) - $afterMs::float8 * interval '1 ms'
    order by c.at
    limit $limit::integer`,
});
