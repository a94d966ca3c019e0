// States of workspaces and the locks that fence them. Whoever takes a lock or writes under one holds
// the workspace's first lock row meanwhile (`holdStateLocks`), in a statement before it reads.
import type { DaemonId, DataKeyId, JobId, WorkspaceId } from '../base/id.ts';
import { ENDED_SESSIONS, SILENT_AGENTS } from './agent.ts';
import { bool, bytes, int, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

/** Holds the locks of a workspace still until the transaction ends. No row before the first taking. */
export const holdStateLocks = statement({
  name: 'state_lock.hold',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: { number: int },
  sql: `
    select number
    from state_locks
    where workspace_id = $workspaceId
      and number = 1
    for no key update`,
});

/** The lock that an attempt took, and whether it still counts: no other was taken, and the workspace lives. */
export const findStateLock = statement({
  name: 'state_lock.find',
  takes: takes<{ readonly jobId: JobId; readonly attempt: number }>(),
  gives: {
    workspaceId: uuid<WorkspaceId>(),
    number: int,
    daemonId: uuid<DaemonId>(),
    isNewest: bool,
  },
  sql: `
    select l.workspace_id, l.number, l.daemon_id,
      w.deleted_at is null and not exists (
        select
        from state_locks newer
        where newer.workspace_id = l.workspace_id
          and newer.number > l.number) as is_newest
    from state_locks l
    join workspaces w on w.id = l.workspace_id
    where l.job_id = $jobId
      and l.attempt = $attempt`,
});

export const insertStateLock = statement({
  name: 'state_lock.insert',
  takes: takes<{
    readonly workspaceId: WorkspaceId;
    readonly jobId: JobId;
    readonly attempt: number;
    readonly daemonId: DaemonId;
  }>(),
  gives: { number: int },
  sql: `
    insert into state_locks (workspace_id, number, job_id, attempt, daemon_id, taken_at)
    select $workspaceId, coalesce(max(number), 0) + 1, $jobId, $attempt::integer, $daemonId,
      standby_now()
    from state_locks
    where workspace_id = $workspaceId
    returning number`,
});

const stateColumns = { lockNumber: int, keyId: uuid<DataKeyId>(), sealed: bytes };

/** Where the next build begins. */
export const findNewestState = statement({
  name: 'workspace_state.find_newest',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: stateColumns,
  sql: `
    select lock_number, key_id, sealed
    from workspace_states
    where workspace_id = $workspaceId
    order by number desc
    limit 1`,
});

interface StateOrder {
  readonly workspaceId: WorkspaceId;
  readonly lockNumber: number;
  readonly incarnation: number;
  readonly sequence: number;
}

/** Whether one is here already that the lock's holder wrote later, or the very same. */
export const compareState = statement({
  name: 'workspace_state.compare',
  takes: takes<StateOrder>(),
  gives: { isBehind: bool },
  sql: `
    select exists (
      select
      from workspace_states
      where workspace_id = $workspaceId
        and lock_number = $lockNumber
        and (incarnation, sequence) >= ($incarnation::integer, $sequence::integer)
    ) or exists (
      select
      from stray_states
      where workspace_id = $workspaceId
        and lock_number = $lockNumber
        and (incarnation, sequence) >= ($incarnation::integer, $sequence::integer)
    ) as is_behind`,
});

interface NewState extends StateOrder {
  readonly keyId: DataKeyId;
  readonly sealed: Buffer;
}

export const insertState = statement({
  name: 'workspace_state.insert',
  takes: takes<NewState>(),
  gives: {},
  sql: `
    insert into workspace_states
      (workspace_id, number, lock_number, incarnation, sequence, key_id, sealed, created_at)
    select $workspaceId, coalesce(max(number), 0) + 1, $lockNumber::integer,
      $incarnation::integer, $sequence::integer, $keyId::uuid, $sealed::bytea, standby_now()
    from workspace_states
    where workspace_id = $workspaceId`,
});

/**
 * A deleted workspace's infrastructure is gone, nobody needs its secrets, and nothing runs in it any more; strays
 * have rows of their own.
 */
export const clearDeleted = statement({
  name: 'workspace.clear_deleted',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: `
    with forgotten as (
      update builds
      set secret_outputs = null,
        secret_outputs_key_id = null
      where workspace_id = $workspaceId
        and secret_outputs is not null
    ), ended as (${ENDED_SESSIONS}
    ), silenced as (${SILENT_AGENTS}
    )
    delete from workspace_states
    where workspace_id = $workspaceId`,
});
