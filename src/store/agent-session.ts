// Agents' sessions: opened for a workspace's bootstrap token, and handed over by a claim. Lock order: a workspace's row
// before its agents' rows.
import type { AgentId, AgentSessionId, WorkspaceId } from '../base/id.ts';
import { IS_LIVING, IS_NEWEST, OWNER_VALUES, ownerColumns, OWNING_USER } from './agent.ts';
import { int, nullable, text, uuid, type RowOf } from './column.ts';
import { notHeldUp } from './held-up.ts';
import { inPlaces } from './in-places.ts';
import { statement, takes, type Executor } from './statement.ts';
import { oneByOne, unseen } from './unseen.ts';

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
 * Queries for `with`: what is live of the agents of `next` ends, and the next ones begin. Of `next` are agent_id,
 * workspace_id, epoch, next_id and next_hash.
 */
function endAndOpen(next: string): string {
  return `ended as (
      update agent_sessions
      set ended_at = (select standby_now())
      where agent_id = any (array(select agent_id from ${next}))
        and ended_at is null
      returning id
    ), opened as (
      insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
      -- Reading from ended makes the insert wait for the update, as the unique index requires.
      select n.next_id, n.agent_id, n.workspace_id, n.epoch, n.next_hash, standby_now()
      from ${next} n
      cross join (select count(*) from ended) as after_the_update
      returning id, agent_id, epoch
    )`;
}

/** An agent, and the session that is to be opened for it. */
export interface SessionToOpen {
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly nextId: AgentSessionId;
  readonly nextHash: Buffer;
}

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
    ), ${endAndOpen('first')}
    select l.place::integer as place, o.epoch
    from locked l
    left join opened o on o.id = l.next_id`,
});

export type ReplacedSession = RowOf<typeof replaceAgentSessions.columns>;

/** Of each agent, in their order. */
export async function replaceSessions(
  on: Executor,
  sessions: readonly SessionToOpen[],
): Promise<readonly (ReplacedSession | undefined)[]> {
  const rows = await replaceAgentSessions.all(on, {
    workspaceIds: sessions.map(({ workspaceId }) => workspaceId),
    names: sessions.map(({ name }) => name),
    nextIds: sessions.map(({ nextId }) => nextId),
    nextHashes: sessions.map(({ nextHash }) => nextHash),
  });
  return inPlaces(sessions, rows);
}

/** A session, and the one that is to be opened in its place. */
export interface SessionToHandOver {
  readonly sessionId: AgentSessionId;
  readonly agentId: AgentId;
  readonly workspaceId: WorkspaceId;
  readonly nextId: AgentSessionId;
  readonly nextHash: Buffer;
}

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
    ), ${endAndOpen('newest')}
    select n.place::integer as place, n.id as session_id, w.epoch, u.id as owner_id, u.username,
      u.display_name, u.is_system, n.applied_epoch, n.applied_ok, ${OWNER_VALUES} as values,
      true as is_newest
    from newest n
    join opened o on o.agent_id = n.agent_id
    cross join lateral (select n.workspace_id as id, n.epoch, n.owner_id) as w
    ${OWNING_USER}`,
});

export type HandedOverSession = RowOf<typeof handOverAgentSessions.columns>;

/** Of each session, in their order. */
export async function handOverSessions(
  on: Executor,
  sessions: readonly SessionToHandOver[],
): Promise<readonly (HandedOverSession | undefined)[]> {
  const rows = await handOverAgentSessions.all(on, {
    sessionIds: sessions.map(({ sessionId }) => sessionId),
    agentIds: sessions.map(({ agentId }) => agentId),
    workspaceIds: sessions.map(({ workspaceId }) => workspaceId),
    nextIds: sessions.map(({ nextId }) => nextId),
    nextHashes: sessions.map(({ nextHash }) => nextHash),
  });
  return inPlaces(sessions, rows);
}
