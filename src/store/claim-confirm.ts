// The good end of a claim whose agents have to answer it: all have, and it is a hit. See claim-proof.ts.
import type { PoolId, VersionId, WaiterId } from '../base/id.ts';
import { IS_TAKEN, NOBODY_IS_JUDGED, PROVE_MS, type TakenClaim } from './claim-proof.ts';
import { bool, float, int, nullable, oneOf, text, uuid, type RowOf } from './column.ts';
import { notHeldUp } from './held-up.ts';
import { inPlaces } from './in-places.ts';
import { statement, takes, type Executor } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { oneByOne, unseen } from './unseen.ts';

export interface ConfirmArgs extends TakenClaim {
  readonly versionId: VersionId;
  /** The agents' time is over: those that could not hear of the claim are not waited for any longer. */
  readonly isLate: boolean;
  readonly eventId: string;
}

const columns = {
  /** Confirmed, or unheard: it has become a hit by this, with or without all answers. */
  outcome: oneOf<'confirmed' | 'unheard' | 'taken' | 'hit' | 'failed' | 'void'>(),
  /** How long ago the first of the agents was told that have not answered; null where none was. */
  calledMs: nullable(float),
  machineId: nullable(text),
  /** Of the latest build; null, as what follows, of a claim that was not confirmed by this. */
  buildNumber: nullable(int),
  /** Somebody has built on it since it was taken. */
  isInUse: nullable(bool),
  poolId: uuid<PoolId>(),
  /** Who was served by this; null, as how long they had waited, where nobody had to wait. */
  waiterId: nullable(uuid<WaiterId>()),
  waitedMs: nullable(float),
};

/**
 * On `waiters q`: of those who wait all would be read to find one, so it is written that no index of them fits, and as a
 * `not true`, of which the planner expects many.
 */
const IS_WAITING = `(q.ended_at <= 'infinity') is not true`;

export type Confirmed = RowOf<typeof columns>;

/**
 * Makes each claim a hit when all agents of its workspace have answered it, and says what it is otherwise. None is
 * confirmed for another version than the one it was built with. One that is late is also confirmed, as
 * unheard, where those that have not answered were never told; and where silence must not be judged, as after time
 * in which nothing could be stored. With the claim, the waiting of who it was taken for has ended, unless they have waited
 * too long. A claim that is named twice is confirmed to one of the two.
 *
 * An agent was told of the claim with a session of its epoch. It has answered once it has called with that session, which
 * nobody has who died before the claim: it may have been opened by the answer to a call that nobody received. Agents
 * and builds are counted, for an aggregate is looked up row by row: to ask whether there are any, the planner might make
 * a list of those of all workspaces, as it does before there are statistics.
 */
export const confirmClaims = statement({
  name: 'claim.confirm',
  takes: takes<{
    readonly workspaceIds: readonly TakenClaim['workspaceId'][];
    readonly epochs: readonly number[];
    readonly versionIds: readonly VersionId[];
    readonly late: readonly boolean[];
    readonly eventIds: readonly string[];
  }>(),
  gives: {
    /** Of the claim, counted from 1. */
    place: int,
    ...columns,
  },
  sql: `
    with asked as materialized (
      select a.*, w.machine_id, latest.number, latest.version_id as built_version_id,
        unanswered.agents as unanswered, unanswered.told, unanswered.called_at,
        (
          select count(*)
          from builds b
          where b.workspace_id = a.workspace_id
            and b.initiator_id <> '${PREBUILDS_USER_ID}') > 0 as is_in_use,
        (
          select count(*)
          from waiters q
          where q.workspace_id = a.workspace_id
            and ${IS_WAITING}
            and q.deadline_at <= (select standby_now())) > 0 as has_waited_too_long
      from ${notHeldUp('$workspaceIds::uuid[]')}, unnest(${unseen('$workspaceIds::uuid[]')},
        ${unseen('$epochs::integer[]')}, ${unseen('$versionIds::uuid[]')}, ${unseen('$late::boolean[]')},
        ${unseen('$eventIds::uuid[]')}) with ordinality
        as a (workspace_id, epoch, version_id, is_late, event_id, place)
      ${oneByOne(`
        select machine_id
        from workspaces
        where id = a.workspace_id`)} as w
      ${oneByOne(`
        select number, version_id
        from builds
        where workspace_id = a.workspace_id
        order by number desc
        limit 1`)} as latest
      ${oneByOne(`
        select count(*) as agents, count(s.created_at) as told, min(s.created_at) as called_at
        from agents a2
        left join agent_sessions s on s.agent_id = a2.id
          and s.ended_at is null
          and s.epoch = a.epoch
        where a2.workspace_id = a.workspace_id
          and a2.kind = 'program'
          and (a2.last_seen_at >= s.created_at) is not true`)} as unanswered
    ), confirmed as (
      update claims c
      set outcome = 'hit',
        stage_ms = c.stage_ms || jsonb_build_object('prove', ${PROVE_MS})
      from asked a
      where c.workspace_id = any (array(select workspace_id from asked))
        and c.workspace_id = a.workspace_id
        and c.epoch = a.epoch
        and ${IS_TAKEN}
        and a.built_version_id = a.version_id
        and (
          a.unanswered = 0
          or a.is_in_use
          or (a.is_late and (a.told = 0 or ${NOBODY_IS_JUDGED})))
        and (a.is_in_use or not a.has_waited_too_long)
      returning a.*, c.pool_id, c.template_id, c.stage_ms
    ), told as (
      insert into pool_events (id, pool_id, kind, workspace_id, details, at)
      select event_id, pool_id, 'claimed', workspace_id,
        jsonb_build_object('prove_ms', stage_ms->'prove', 'proof',
          case when unanswered > 0 then 'unheard' else 'answered' end),
        (select standby_now())
      from confirmed
    ), counted as (
      insert into counter_steps (counter, template_id, preset, amount)
      select 'prebuilds_claimed', c.template_id, l.preset_name, count(*)
      from confirmed c
      join pools l on l.id = c.pool_id
      group by c.template_id, l.preset_name
    ), served as (
      update waiters q
      set ended_at = (select standby_now()),
        outcome = 'served',
        key_id = null,
        sealed = null
      from confirmed n
      where q.workspace_id = n.workspace_id
        and ${IS_WAITING}
      returning q.id, q.workspace_id, q.created_at, q.template_id, q.pool_id
    ), ended_waits as (
      insert into counter_steps (counter, template_id, preset, labels, amount)
      select 'waits_ended', s.template_id, l.preset_name, '{"outcome": "served"}', count(*)
      from served s
      join pools l on l.id = s.pool_id
      group by s.template_id, l.preset_name
    )
    select a.place::integer as place,
      case
        when n.place is null then c.outcome
        when n.unanswered > 0 then 'unheard'
        else 'confirmed'
      end as outcome,
      case
        when n.place is null
          then extract(epoch from (select standby_now()) - a.called_at)::float8 * 1000
      end as called_ms,
      n.machine_id, n.number as build_number, n.is_in_use,
      c.pool_id, s.id as waiter_id,
      extract(epoch from (select standby_now()) - s.created_at)::float8 * 1000 as waited_ms
    from asked a
    ${oneByOne(`
      select outcome, pool_id
      from claims
      where workspace_id = a.workspace_id
        and epoch = a.epoch`)} as c
    left join confirmed n on n.place = a.place
    left join served s on s.workspace_id = n.workspace_id`,
});

/** Of each claim, in their order; undefined for one that is not there. */
export async function confirmAll(
  on: Executor,
  asked: readonly ConfirmArgs[],
): Promise<readonly (Confirmed | undefined)[]> {
  const rows = await confirmClaims.all(on, {
    workspaceIds: asked.map(({ workspaceId }) => workspaceId),
    epochs: asked.map(({ epoch }) => epoch),
    versionIds: asked.map(({ versionId }) => versionId),
    late: asked.map(({ isLate }) => isLate),
    eventIds: asked.map(({ eventId }) => eventId),
  });
  return inPlaces(asked, rows);
}

/** Throws where there is no such claim. */
export async function confirmOne(on: Executor, asked: ConfirmArgs): Promise<Confirmed> {
  const [one] = await confirmAll(on, [asked]);
  return existing(one, asked);
}

/** Of what confirmAll gives: that of others is theirs, whatever is missing. */
export function existing(
  one: Confirmed | undefined,
  { workspaceId, epoch }: TakenClaim,
): Confirmed {
  if (one === undefined) throw new Error(`workspace ${workspaceId} has no claim ${epoch}`);
  return one;
}
