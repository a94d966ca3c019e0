// What agents say of themselves. Lock order: a pool member, the claim, what an owner gave, then agents' rows.
import type { AgentId, PoolId, WorkspaceId } from '../base/id.ts';
import { IS_LIVING, OWNER, ownerColumns, OWNING_USER, type AgentLifecycle } from './agent.ts';
import { bool, float, int, nullable, uuid } from './column.ts';
import { IS_BROKEN_FOR_GOOD } from './live-pool/member.ts';
import { CHANGES_READINESS, setReadiness } from './live-pool/readiness.ts';
import { statement, takes } from './statement.ts';
import { oneByOne, unseen } from './unseen.ts';

export interface SignOfLife {
  readonly agentId: AgentId;
  readonly lifecycle: AgentLifecycle;
  readonly appliedEpoch: number;
  /** Whether that went well. */
  readonly appliedOk: boolean;
}

/**
 * Agents that call by live sessions which speak for their workspace's present epoch, and whom they work for. Of one that
 * says what it said before the time is renewed with it, unless somebody else is about to change it. One that knows of a
 * later epoch than there is says something new. One may call twice at once.
 */
export const hearAgents = statement({
  name: 'agent.hear',
  takes: takes<{
    readonly hashes: readonly Buffer[];
    readonly lifecycles: readonly AgentLifecycle[];
    readonly appliedEpochs: readonly number[];
    /** The newest that each has heard of. */
    readonly newestEpochs: readonly number[];
  }>(),
  gives: {
    /** From 1, among those who call. */
    place: int,
    ...ownerColumns,
    agentId: uuid<AgentId>(),
    workspaceId: uuid<WorkspaceId>(),
    isRenewed: bool,
  },
  sql: `
    with calling as materialized (
      select said.place, said.lifecycle, said.applied_epoch, said.newest_epoch, s.*, w.owner_id
      from unnest(${unseen('$hashes::bytea[]')}, ${unseen('$lifecycles::text[]')},
        ${unseen('$appliedEpochs::integer[]')}, ${unseen('$newestEpochs::integer[]')})
        with ordinality as said (hash, lifecycle, applied_epoch, newest_epoch, place)
      ${oneByOne(`
        select id, agent_id, workspace_id, epoch, created_at, ended_at
        from agent_sessions
        where hash = said.hash
          and ended_at is null`)} as s
      ${oneByOne(`
        select owner_id
        from workspaces
        where id = s.workspace_id
          and epoch = s.epoch
          and ${IS_LIVING}`)} as w
    ), unchanged as materialized (
      select a.id, c.place
      from calling c
      join agents a on a.id = c.agent_id
      where a.id = any (array(select agent_id from calling))
        and a.lifecycle = c.lifecycle
        and a.applied_epoch >= c.applied_epoch
        and c.newest_epoch <= c.epoch
      for no key update of a skip locked
    ), renewed as (
      update agents a
      set last_seen_at = (select standby_now())
      where a.id = any (array(select id from unchanged))
    )
    select s.place::integer as place, ${OWNER}, a.id as agent_id, w.id as workspace_id,
      exists (
        select
        from unchanged
        where unchanged.place = s.place) as is_renewed
    from calling s
    cross join lateral (select s.workspace_id as id, s.epoch, s.owner_id) as w
    ${oneByOne(`
      select id, applied_epoch, applied_ok
      from agents
      where id = s.agent_id`)} as a
    ${OWNING_USER}`,
});

/** On `agents a`, and what is said. The first word on an epoch is the last: no hand-over is repeated. */
function appliedOk(said: Said): string {
  return `case when ${said.appliedEpoch} > a.applied_epoch then ${said.appliedOk} else a.applied_ok end`;
}

/** On `agents a`: it may have lost that its last hand-over failed. */
function lifecycle(said: Said): string {
  return `case
        when ${said.lifecycle} = 'ready' and not ${appliedOk(said)} then 'start_error'
        else ${said.lifecycle}
      end`;
}

/** On `agents a`: time only moves forward for an agent, whatever order its reports arrive in. */
function appliedEpoch(said: Said): string {
  return `greatest(a.applied_epoch, ${said.appliedEpoch})`;
}

/**
 * On `agents a`: how long ago the claim was that is complete with this sign of life, the last of the workspace's
 * programs having taken its owner over. Null: it is not, a build hands the workspace over, or a later one has added the
 * agent. Whether the claim is a hit yet does not matter: that may be decided at the same moment, and neither would see
 * the other. One that is void in the end all the same, as where the deadline of who waited has passed, has counted.
 */
function completedMs(said: Said): string {
  return `(
        select extract(epoch from (select standby_now()) - c.at)::float8 * 1000
        from workspaces w
        join claims c on c.workspace_id = w.id and c.epoch = w.epoch
        where w.id = a.workspace_id
          and w.epoch = ${said.appliedEpoch}
          and c.outcome in ('taken', 'hit')
          and not c.needs_build
          and a.kind = 'program'
          and a.created_at <= c.at
          and a.applied_epoch < ${said.appliedEpoch}
          and not exists (
            select
            from agents other
            where other.workspace_id = a.workspace_id
              and other.id <> a.id
              and other.kind = 'program'
              and other.applied_epoch < ${said.appliedEpoch})
          and not exists (
            select
            from builds b
            where b.workspace_id = a.workspace_id
              and b.stage = 'claim'))`;
}

/** Names what was said in a statement. */
interface Said {
  readonly lifecycle: string;
  readonly appliedEpoch: string;
  readonly appliedOk: string;
}

const OF_ONE: Said = {
  lifecycle: '$lifecycle',
  appliedEpoch: '$appliedEpoch',
  appliedOk: '$appliedOk',
};

/** Two programs that take their owner over at once take turns: the later one's sign completes the claim. */
export const lockClaimOfSign = statement({
  name: 'claim.lock_for_sign',
  takes: takes<{ readonly workspaceId: WorkspaceId; readonly appliedEpoch: number }>(),
  gives: {},
  sql: `
    select
    from claims
    where workspace_id = $workspaceId
      and epoch = $appliedEpoch
    for no key update`,
});

/**
 * Says so of an agent before it is recorded: afterwards it is nothing new any more. Another sign of the same agent that is
 * being stored is waited for: that one has counted, if there was something to count.
 */
export const findCompletedClaim = statement({
  name: 'agent.find_completed_claim',
  takes: takes<Omit<SignOfLife, 'lifecycle' | 'appliedOk'>>(),
  gives: { ms: nullable(float) },
  sql: `
    select ${completedMs(OF_ONE)} as ms
    from agents a
    where a.id = $agentId
    for no key update of a`,
});

/** Stores what an agent newly says. Its workspace's pool member is locked before. */
export const recordSignOfLife = statement({
  name: 'agent.record_sign_of_life',
  takes: takes<SignOfLife>(),
  gives: {},
  sql: `
    update agents a
    set lifecycle = ${lifecycle(OF_ONE)},
      applied_ok = ${appliedOk(OF_ONE)},
      applied_epoch = ${appliedEpoch(OF_ONE)},
      last_seen_at = (select standby_now())
    where a.id = $agentId`,
});

const OF_SAID: Said = {
  lifecycle: 's.lifecycle',
  appliedEpoch: 's.applied_epoch',
  appliedOk: 's.applied_ok',
};

/**
 * Of a build that ends in between the lock has seen the end, and the row that the update finds first has not. That is
 * held against the table's checks before the update comes to the row that was locked.
 */
const READY_IF_IT_RUNS = '(derived.ready and m.running_since is not null)';

/**
 * Stores what agents newly say, with what follows from it for their pool members, as far as one statement can tell: of
 * a claimed workspace's only program whose owner gave no values, and of a member's only agent. Another one might be
 * telling something at the same moment, which is seen by a statement after the lock alone. Waits for nobody: what
 * somebody else has locked is left out.
 */
export const recordSignsOfLife = statement({
  name: 'agent.record_signs_of_life',
  takes: takes<{
    readonly agentIds: readonly AgentId[];
    readonly lifecycles: readonly AgentLifecycle[];
    readonly appliedEpochs: readonly number[];
    readonly appliedOks: readonly boolean[];
  }>(),
  gives: {
    /** From 1, among what was said. */
    place: int,
    completedMs: nullable(float),
    /** As stored. */
    appliedEpoch: int,
    appliedOk: bool,
    /** The pool whose member has changed. */
    poolId: nullable(uuid<PoolId>()),
  },
  sql: `
    with said as materialized (
      -- One that says two things at once is heard twice.
      select distinct on (r.id) r.place, r.id, r.lifecycle, r.applied_epoch, r.applied_ok,
        a.workspace_id,
        -- Counted, as an aggregate is looked up row by row; of what exists the planner may read all.
        (
          select count(*)
          from pool_members m
          where m.workspace_id = a.workspace_id) > 0 as is_members
      from unnest(${unseen('$agentIds::uuid[]')}, ${unseen('$lifecycles::text[]')},
        ${unseen('$appliedEpochs::integer[]')}, ${unseen('$appliedOks::boolean[]')})
        with ordinality as r (id, lifecycle, applied_epoch, applied_ok, place)
      ${oneByOne(`
        select workspace_id
        from agents
        where id = r.id`)} as a
      where r.applied_epoch = 0
        or (
          (
            select count(*)
            from owner_values v
            where v.workspace_id = a.workspace_id) = 0
          and (
            select count(*)
            from agents o
            where o.workspace_id = a.workspace_id
              and o.kind = 'program') = 1)
      order by r.id, r.place
    ), member as materialized (
      select m.workspace_id, m.running_since is not null as runs,
        case when ${IS_BROKEN_FOR_GOOD} then m.broken end as broken
      from pool_members m
      where m.workspace_id = any (array(select workspace_id from said where is_members))
        and (select count(*) from agents where agents.workspace_id = m.workspace_id) = 1
      order by m.workspace_id
      for update skip locked
    ), heard as materialized (
      select s.place, a.id, m.workspace_id, ${lifecycle(OF_SAID)} as lifecycle,
        ${appliedOk(OF_SAID)} as applied_ok, ${appliedEpoch(OF_SAID)} as applied_epoch,
        case when s.applied_epoch > 0 then ${completedMs(OF_SAID)} end as completed_ms,
        m.runs, m.broken
      from said s
      left join member m on m.workspace_id = s.workspace_id
      join agents a on a.id = s.id
      where a.id = any (array(select id from said))
        and (m.workspace_id is not null or not s.is_members)
      for no key update of a skip locked
    ), derived as (
      select workspace_id,
        runs and lifecycle = 'ready' and broken is null as ready,
        coalesce(broken,
          case when lifecycle in ('start_error', 'start_timeout') then lifecycle end) as broken
      from heard
      where workspace_id is not null
    ), changed as (
      update pool_members m
      ${setReadiness(READY_IF_IT_RUNS)}
      from derived
      where m.workspace_id = any (array(select workspace_id from derived))
        and m.workspace_id = derived.workspace_id
        and ${CHANGES_READINESS}
      returning m.workspace_id, m.pool_id
    )
    update agents a
    set lifecycle = h.lifecycle,
      applied_ok = h.applied_ok,
      applied_epoch = h.applied_epoch,
      last_seen_at = (select standby_now())
    from heard h
    where a.id = any (array(select id from heard))
      and a.id = h.id
    returning h.place::integer as place, h.completed_ms, a.applied_epoch, a.applied_ok,
      (select c.pool_id from changed c where c.workspace_id = h.workspace_id) as pool_id`,
});
