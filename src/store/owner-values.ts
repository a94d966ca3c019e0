// What new owners gave for their workspaces, sealed, until every agent has taken it over.
import type { AgentSessionId, DataKeyId, WorkspaceId } from '../base/id.ts';
import { bytes, int, nullable, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

export const insertOwnerValues = statement({
  name: 'owner_values.insert',
  takes: takes<{
    readonly workspaceId: WorkspaceId;
    readonly epoch: number;
    readonly keyId: DataKeyId;
    readonly sealed: Buffer;
  }>(),
  gives: {},
  sql: `
    insert into owner_values (workspace_id, epoch, key_id, sealed, created_at)
    values ($workspaceId, $epoch, $keyId, $sealed, standby_now())`,
});

/** Of the present owner, for an agent's live session. No row: there are none, or the session has ended. */
export const findOwnerValues = statement({
  name: 'owner_values.find',
  takes: takes<{ readonly sessionId: AgentSessionId }>(),
  gives: {
    workspaceId: uuid<WorkspaceId>(),
    epoch: int,
    /** Both null once it took too long. */
    keyId: nullable(uuid<DataKeyId>()),
    sealed: nullable(bytes),
  },
  sql: `
    select v.workspace_id, v.epoch, v.key_id, v.sealed
    from agent_sessions s
    join workspaces w on w.id = s.workspace_id and w.epoch = s.epoch
    join owner_values v on v.workspace_id = w.id and v.epoch = w.epoch
    where s.id = $sessionId
      and s.ended_at is null
      and w.deleted_at is null`,
});

/** Makes agents of one workspace take turns to tell that they have taken over: the last one is then seen. */
export const lockOwnerValues = statement({
  name: 'owner_values.lock',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: 'select from owner_values where workspace_id = $workspaceId order by epoch for update',
});

/** What all agents of the workspace have taken over. */
export const removeDeliveredValues = statement({
  name: 'owner_values.remove_delivered',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: `
    delete from owner_values v
    where v.workspace_id = $workspaceId
      and not exists (
        select
        from agents a
        where a.workspace_id = v.workspace_id
          and a.kind = 'program'
          and a.applied_epoch < v.epoch)`,
});

/** Forgets that there was something which nobody came for in time, where none of the agents of these names was to. */
export const forgetExpiredValues = statement({
  name: 'owner_values.forget_expired',
  takes: takes<{ readonly workspaceId: WorkspaceId; readonly names: readonly string[] }>(),
  gives: {},
  sql: `
    delete from owner_values v
    where v.workspace_id = $workspaceId
      and v.sealed is null
      and not exists (
        select
        from agents a
        where a.workspace_id = v.workspace_id
          and a.kind = 'program'
          and a.name = any ($names::text[])
          and a.applied_epoch < v.epoch)`,
});

/** Takes away what is for nobody any more: of workspaces that were deleted. */
export const removeOrphanedValues = statement({
  name: 'owner_values.remove_orphaned',
  takes: takes<{ readonly limit: number }>(),
  gives: {},
  sql: `
    with orphaned as materialized (
      select v.workspace_id, v.epoch
      from owner_values v
      join workspaces w on w.id = v.workspace_id
      where w.deleted_at is not null
      order by v.workspace_id, v.epoch
      limit $limit::integer
      for update of v skip locked
    )
    delete from owner_values v
    using orphaned
    where v.workspace_id = orphaned.workspace_id
      and v.epoch = orphaned.epoch`,
});

/**
 * Takes away what nobody came for in time, and leaves that there was something. The time runs while an agent can
 * come: since the workspace's latest build has started it. Whatever becomes of builds, the longest is the end.
 */
export const expireOwnerValues = statement({
  name: 'owner_values.expire',
  takes: takes<{
    readonly timeoutMs: number;
    readonly longestMs: number;
    readonly limit: number;
  }>(),
  gives: { workspaceId: uuid<WorkspaceId>(), epoch: int },
  sql: `
    with late as materialized (
      select v.workspace_id, v.epoch
      from owner_values v
      cross join lateral (
        select b.transition, b.job_id
        from builds b
        where b.workspace_id = v.workspace_id
        order by b.number desc
        limit 1
      ) as latest
      join jobs j on j.id = latest.job_id
      where v.sealed is not null
        and v.created_at < (select standby_now()) - $timeoutMs::float8 * interval '1 ms'
        and (v.created_at < (select standby_now()) - $longestMs::float8 * interval '1 ms'
          or (latest.transition = 'start'
            and j.status = 'succeeded'
            and j.completed_at < (select standby_now()) - $timeoutMs::float8 * interval '1 ms'))
      order by v.created_at
      limit $limit::integer
      for update of v skip locked
    )
    update owner_values v
    set key_id = null,
      sealed = null
    from late
    where v.workspace_id = late.workspace_id
      and v.epoch = late.epoch
    returning v.workspace_id, v.epoch`,
});
