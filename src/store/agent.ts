// Agents, and whom they work for. Lock order: a workspace's row before its agents' rows.
import type { AgentId, AgentSessionId, UserId, WorkspaceId } from '../base/id.ts';
import { bool, int, json, oneOf, text, uuid, type RowOf } from './column.ts';
import { statement, takes } from './statement.ts';
import { oneByOne, unseen } from './unseen.ts';

export type AgentLifecycle =
  'created' | 'starting' | 'ready' | 'start_error' | 'start_timeout' | 'shutting_down' | 'off';

/**
 * Written so that no index of the living fits: before there are statistics the planner expects next to none of
 * them, and reads all where it looks for one.
 */
export const IS_LIVING = `coalesce(deleted_at, 'infinity') = 'infinity'`;

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
export const OWNER_VALUES = `coalesce((
        select case when v.sealed is null then 'expired' else 'given' end
        from owner_values v
        where v.workspace_id = w.id
          and v.epoch = w.epoch
      ), 'none')`;

/** On `agent_sessions s` and `workspaces w`. */
export const IS_NEWEST = `(
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
