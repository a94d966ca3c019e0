// Agents and their sessions. Lock order: a workspace's row before its agents' rows.
import type { AgentId, AgentSessionId, UserId, WorkspaceId } from '../base/id.ts';
import { bool, int, json, nullable, oneOf, text, uuid, type RowOf } from './column.ts';
import { notHeldUp } from './held-up.ts';
import { statement, takes } from './statement.ts';
import { oneByOne, unseen } from './unseen.ts';

export type AgentLifecycle =
  'created' | 'starting' | 'ready' | 'start_error' | 'start_timeout' | 'shutting_down' | 'off';

/**
 * Written so that no index of the living fits: before there are statistics the planner expects next to none of
 * them, and reads all where it looks for one.
 */
export const IS_LIVING = `coalesce(deleted_at, 'infinity') = 'infinity'`;

const sessionColumns = {
  hash: text,
  sessionId: uuid<AgentSessionId>(),
  agentId: uuid<AgentId>(),
  workspaceId: uuid<WorkspaceId>(),
  epoch: int,
};

export type AgentSessionRow = RowOf<typeof sessionColumns>;

/** Live sessions by their hashes, as far as they still speak for their workspace's present epoch. */
export const findAgentSessions = statement({
  name: 'agent_session.find',
  takes: takes<{ readonly hashes: readonly Buffer[] }>(),
  gives: sessionColumns,
  sql: `
    select encode(s.hash, 'hex') as hash, s.id as session_id, s.agent_id, s.workspace_id, s.epoch
    from unnest(${unseen('$hashes::bytea[]')}) as asked (hash)
    ${oneByOne(`
      select id, agent_id, workspace_id, epoch, hash
      from agent_sessions
      where hash = asked.hash
        and ended_at is null`)} as s
    ${oneByOne(`
      select
      from workspaces
      where id = s.workspace_id
        and epoch = s.epoch
        and ${IS_LIVING}`)} as w`,
});

/** Of a living workspace, by which two who open a session for it take turns. */
export const lockAgentByName = statement({
  name: 'agent.lock_by_name',
  takes: takes<{ readonly workspaceId: WorkspaceId; readonly name: string }>(),
  gives: { id: uuid<AgentId>() },
  sql: `
    with workspace as materialized (
      select id
      from workspaces
      where id = $workspaceId
        and ${IS_LIVING}
      for share
    )
    select id
    from agents
    where workspace_id = (select id from workspace)
      and name = $name
      and kind = 'program'
    for update`,
});

/**
 * Ends agents' sessions and opens the next ones, of their workspaces' present epochs: the workspaces are locked, which
 * keeps claims away until then. No row: there is no such agent. Of two statements at once with one agent the later fails by
 * agent_sessions_live_key, unless an earlier one of its transaction has locked the agent.
 */
export const replaceAgentSessions = statement({
  name: 'agent_session.replace',
  takes: takes<{
    readonly workspaceIds: readonly WorkspaceId[];
    readonly names: readonly string[];
    readonly nextIds: readonly AgentSessionId[];
    readonly nextHashes: readonly Buffer[];
  }>(),
  gives: {
    /** From 1, among the agents. */
    place: int,
    /** Null: the agent is named twice, and the other one's was opened. */
    epoch: nullable(int),
  },
  sql: `
    with living as materialized (
      select a.*, w.epoch
      from ${notHeldUp('$workspaceIds::uuid[]')}, unnest(${unseen('$workspaceIds::uuid[]')},
        ${unseen('$names::text[]')}, ${unseen('$nextIds::uuid[]')}, ${unseen('$nextHashes::bytea[]')})
        with ordinality as a (workspace_id, name, next_id, next_hash, place)
      ${oneByOne(`
        select epoch
        from workspaces
        where id = a.workspace_id
          and ${IS_LIVING}
        for share`)} as w
    ), locked as materialized (
      select l.*, a.id as agent_id
      from living l
      ${oneByOne(`
        select id
        from agents
        where workspace_id = l.workspace_id
          and name = l.name
          and kind = 'program'
        for update`)} as a
    ), first as materialized (
      select distinct on (agent_id) *
      from locked
      order by agent_id, place
    ), ended as (
      update agent_sessions
      set ended_at = (select standby_now())
      where agent_id = any (array(select agent_id from first))
        and ended_at is null
      returning id
    ), opened as (
      insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
      -- Reading from ended makes the insert wait for the update, as the unique index requires.
      select f.next_id, f.agent_id, f.workspace_id, f.epoch, f.next_hash, standby_now()
      from first f
      cross join (select count(*) from ended) as after_the_update
      returning id, epoch
    )
    select l.place::integer as place, o.epoch
    from locked l
    left join opened o on o.id = l.next_id`,
});

/** It called, whatever it said of itself. */
export const recordCall = statement({
  name: 'agent.record_call',
  takes: takes<{ readonly agentId: AgentId }>(),
  gives: {},
  sql: `
    update agents
    set last_seen_at = (select standby_now())
    where id = $agentId`,
});

export const ownerColumns = {
  sessionId: uuid<AgentSessionId>(),
  epoch: int,
  ownerId: uuid<UserId>(),
  username: text,
  displayName: text,
  isSystem: bool,
  /** The newest epoch whose owner the agent has said to have taken over. */
  appliedEpoch: int,
  appliedOk: bool,
  /** Whether the owner gave any; `expired`: nobody came for them in time. */
  values: oneOf<'none' | 'given' | 'expired'>(),
  /**
   * The agent's newest session until now: another was not opened since, and if it has ended, then by
   * a claim. Of two opened in one millisecond neither is, and both exchange again.
   */
  isNewest: bool,
};

export type AgentOwnerRow = RowOf<typeof ownerColumns>;

/** On `workspaces w`. */
const OWNER_VALUES = `coalesce((
        select case when v.sealed is null then 'expired' else 'given' end
        from owner_values v
        where v.workspace_id = w.id
          and v.epoch = w.epoch
      ), 'none')`;

/** On `agent_sessions s` and `workspaces w`. */
const IS_NEWEST = `(
        (s.ended_at is null or s.epoch < w.epoch)
        and not exists (
          select
          from agent_sessions later
          where later.workspace_id = w.id
            and later.agent_id = s.agent_id
            and later.id <> s.id
            and later.created_at >= s.created_at))`;

/** What ownerColumns are of, on `agent_sessions s`, its workspace, its agent and the workspace's owner. */
export const OWNER = `s.id as session_id, w.epoch, u.id as owner_id, u.username, u.display_name, u.is_system,
      a.applied_epoch, a.applied_ok, ${OWNER_VALUES} as values, ${IS_NEWEST} as is_newest`;

/** Of `w`, for OWNER. */
export const OWNING_USER = `${oneByOne(`
      select id, username, display_name, is_system
      from users
      where id = w.owner_id`)} as u`;

/** Whom the agents of sessions work for, and whether each session may still be told. */
export const findAgentOwners = statement({
  name: 'agent.find_owners',
  takes: takes<{ readonly sessionIds: readonly AgentSessionId[] }>(),
  gives: ownerColumns,
  sql: `
    select ${OWNER}
    from unnest(${unseen('$sessionIds::uuid[]')}) as asked (session_id)
    ${oneByOne(`
      select id, agent_id, workspace_id, epoch, created_at, ended_at
      from agent_sessions
      where id = asked.session_id`)} as s
    ${oneByOne(`
      select id, epoch, owner_id
      from workspaces
      where id = s.workspace_id
        and ${IS_LIVING}`)} as w
    join agents a on a.id = s.agent_id
    ${OWNING_USER}`,
});

/**
 * Ends sessions and opens the next ones of their agents, of their workspaces' present epochs, with what findAgentOwners
 * gives. No row: the workspace is gone, or nobody else has it since the session was opened, or the session is not the
 * newest any more, as where it is named twice. Of two statements at once with one session the later fails by
 * agent_sessions_live_key.
 */
export const handOverAgentSessions = statement({
  name: 'agent_session.hand_over',
  takes: takes<{
    readonly sessionIds: readonly AgentSessionId[];
    readonly agentIds: readonly AgentId[];
    readonly workspaceIds: readonly WorkspaceId[];
    readonly nextIds: readonly AgentSessionId[];
    readonly nextHashes: readonly Buffer[];
  }>(),
  gives: {
    /** From 1, among the sessions. */
    place: int,
    ...ownerColumns,
  },
  sql: `
    with living as materialized (
      select a.*, w.epoch, w.owner_id
      from ${notHeldUp('$sessionIds::uuid[]')}, unnest(${unseen('$sessionIds::uuid[]')},
        ${unseen('$agentIds::uuid[]')}, ${unseen('$workspaceIds::uuid[]')}, ${unseen('$nextIds::uuid[]')},
        ${unseen('$nextHashes::bytea[]')})
        with ordinality as a (session_id, agent_id, workspace_id, next_id, next_hash, place)
      ${oneByOne(`
        select epoch, owner_id
        from workspaces
        where id = a.workspace_id
          and ${IS_LIVING}
        for share`)} as w
    ), locked as materialized (
      select l.*, a.applied_epoch, a.applied_ok
      from living l
      ${oneByOne(`
        select applied_epoch, applied_ok
        from agents
        where id = l.agent_id
          and workspace_id = l.workspace_id
        for update`)} as a
    ), newest as materialized (
      select distinct on (s.agent_id) w.place, w.next_id, w.next_hash, s.id, s.agent_id, w.id as workspace_id,
        w.epoch, w.owner_id, w.applied_epoch, w.applied_ok
      from (select workspace_id as id, l.* from locked l) as w
      ${oneByOne(`
        select id, agent_id, epoch, created_at, ended_at
        from agent_sessions
        where id = w.session_id
          and agent_id = w.agent_id`)} as s
      where s.epoch < w.epoch
        and ${IS_NEWEST}
      order by s.agent_id, w.place
    ), ended as (
      update agent_sessions s
      set ended_at = (select standby_now())
      where s.agent_id = any (array(select agent_id from newest))
        and s.ended_at is null
      returning s.id
    ), opened as (
      insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
      -- Reading from ended makes the insert wait for the update, as the unique index requires.
      select n.next_id, n.agent_id, n.workspace_id, n.epoch, n.next_hash, standby_now()
      from newest n
      cross join (select count(*) from ended) as after_the_update
      returning agent_id
    )
    select n.place::integer as place, n.id as session_id, w.epoch, u.id as owner_id, u.username,
      u.display_name, u.is_system, n.applied_epoch, n.applied_ok, ${OWNER_VALUES} as values,
      true as is_newest
    from newest n
    join opened o on o.agent_id = n.agent_id
    cross join lateral (select n.workspace_id as id, n.epoch, n.owner_id) as w
    ${OWNING_USER}`,
});

/** What the version of an agent's latest build says about it. */
export const findAgentManifest = statement({
  name: 'agent.find_manifest',
  takes: takes<{ readonly agentId: AgentId }>(),
  gives: { name: text, manifest: json<unknown>() },
  sql: `
    select a.name, v.manifest
    from agents a
    cross join lateral (
      select b.version_id
      from builds b
      where b.workspace_id = a.workspace_id
      order by b.number desc
      limit 1
    ) as latest
    join template_versions v on v.id = latest.version_id
    where a.id = $agentId`,
});

/** The live ones of `$workspaceId`. */
export const ENDED_SESSIONS = `
      update agent_sessions
      set ended_at = (select standby_now())
      where workspace_id = $workspaceId
        and ended_at is null`;

/** Those of `$workspaceId`. */
export const SILENT_AGENTS = `
      update agents
      set lifecycle = 'off'
      where workspace_id = $workspaceId
        and lifecycle <> 'off'`;

/** Nothing runs in the workspace any more. */
export const silenceAgents = statement({
  name: 'agent.silence',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: `
    with ended as (${ENDED_SESSIONS}
    )
    ${SILENT_AGENTS.trimStart()}`,
});
