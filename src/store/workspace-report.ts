// What daemons report about the workspaces on their machines: read, compared and stored for all of
// a report at once.
import type { DaemonId, OrganizationId, ProvisionerKeyId, WorkspaceId } from '../base/id.ts';
import type { JobStatus, Transition } from '../domain/job/job.ts';
import { bool, int, nullable, oneOf, text, uuid } from './column.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { statement, takes } from './statement.ts';

/** Notes a daemon's sign of life. Gives no row when it is not of this key and incarnation. */
export const touchDaemon = statement({
  name: 'daemon.touch',
  takes: takes<{
    readonly daemonId: DaemonId;
    readonly keyId: ProvisionerKeyId;
    readonly incarnation: number;
  }>(),
  gives: { machineId: text, organizationId: nullable(uuid<OrganizationId>()) },
  sql: `
    update daemons
    set last_seen_at = (select standby_now())
    where id = $daemonId
      and key_id = $keyId
      and incarnation = $incarnation
    returning machine_id, organization_id`,
});

/** The facts of those of the workspaces that exist. */
export const findReported = statement({
  name: 'workspace.find_reported',
  takes: takes<{ readonly ids: readonly WorkspaceId[] }>(),
  gives: {
    id: uuid<WorkspaceId>(),
    organizationId: uuid<OrganizationId>(),
    machineId: nullable(text),
    isDeleted: bool,
    isPools: bool,
    number: int,
    transition: oneOf<Transition>(),
    status: oneOf<JobStatus>(),
    /** Its template has a ready check, whose outcomes the daemon reports. */
    hasCheck: bool,
  },
  sql: `
    select w.id, w.organization_id, w.machine_id, w.deleted_at is not null as is_deleted,
      w.owner_id = '${PREBUILDS_USER_ID}' as is_pools, b.number, b.transition, j.status,
      exists (select from agents a where a.workspace_id = w.id and a.kind = 'check') as has_check
    from workspaces w
    cross join lateral (
      select number, transition, job_id
      from builds
      where builds.workspace_id = w.id
      order by number desc
      limit 1
    ) as b
    join jobs j on j.id = b.job_id
    where w.id = any ($ids::uuid[])`,
});

interface Checks {
  readonly workspaceIds: readonly WorkspaceId[];
  readonly ready: readonly boolean[];
}

// Two reports about the same workspaces lock them in one order.
const LOCKED_CHECKS = `
  select a.id, a.workspace_id, a.lifecycle,
    case when given.ready then 'ready' else 'created' end as said
  from unnest($workspaceIds::uuid[], $ready::boolean[]) as given (workspace_id, ready)
  join agents a on a.workspace_id = given.workspace_id
  where a.kind = 'check'
  order by a.id
  for update of a`;

/**
 * Notes that ready checks spoke which say what they said before, and gives their workspaces. The
 * others say something new.
 */
export const renewChecks = statement({
  name: 'agent.renew_checks',
  takes: takes<Checks>(),
  gives: { workspaceId: uuid<WorkspaceId>() },
  sql: `
    with locked as materialized (${LOCKED_CHECKS})
    update agents a
    set last_seen_at = (select standby_now())
    from locked
    where a.id = locked.id
      and locked.lifecycle = locked.said
    returning a.workspace_id`,
});

/** Stores what ready checks newly say. Their workspaces' pool members are locked before. */
export const recordChecks = statement({
  name: 'agent.record_checks',
  takes: takes<Checks>(),
  gives: {},
  sql: `
    with locked as materialized (${LOCKED_CHECKS})
    update agents a
    set lifecycle = locked.said,
      last_seen_at = (select standby_now())
    from locked
    where a.id = locked.id`,
});
