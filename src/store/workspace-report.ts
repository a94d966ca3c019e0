// What daemons report about the workspaces on their machines: read, compared and stored for all of
// a report at once.
import type { WorkspaceId } from '../base/id.ts';
import type { JobStatus, Transition } from '../domain/job/job.ts';
import { bool, int, oneOf, uuid } from './column.ts';
import { IS_TOO_OLD_FOR_VERSION } from './job-fit.ts';
import { DAEMON_HAS_WORKSPACE, DAEMON_REPORTS, type ReportingDaemon } from './reporting-daemon.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { statement, takes } from './statement.ts';

/** Notes a daemon's sign of life. Changes no row when it is not of this key and incarnation. */
export const touchDaemon = statement({
  name: 'daemon.touch',
  takes: takes<ReportingDaemon>(),
  gives: {},
  sql: `
    update daemons d
    set last_seen_at = (select standby_now())
    where ${DAEMON_REPORTS}`,
});

/** The facts of those of the workspaces that exist. */
export const findReported = statement({
  name: 'workspace.find_reported',
  takes: takes<ReportingDaemon & { readonly ids: readonly WorkspaceId[] }>(),
  gives: {
    id: uuid<WorkspaceId>(),
    /** What the daemon says of it counts. */
    isHere: bool,
    /** It lives on another machine, or the daemon does not serve its organization. */
    isElsewhere: bool,
    /** The daemon is too old for its version. */
    isTooNew: bool,
    isDeleted: bool,
    isPools: bool,
    number: int,
    transition: oneOf<Transition>(),
    status: oneOf<JobStatus>(),
    /** Its template has a ready check, whose outcomes the daemon reports. */
    hasCheck: bool,
  },
  sql: `
    select w.id,
      coalesce(${DAEMON_HAS_WORKSPACE}, false) as is_here,
      coalesce(d.id is null
        or w.machine_id <> d.machine_id
        or w.organization_id <> d.organization_id, false) as is_elsewhere,
      coalesce(${IS_TOO_OLD_FOR_VERSION}, false) as is_too_new,
      w.deleted_at is not null as is_deleted,
      w.owner_id = '${PREBUILDS_USER_ID}' as is_pools, b.number, b.transition, j.status,
      exists (select from agents a where a.workspace_id = w.id and a.kind = 'check') as has_check
    from workspaces w
    -- It may have been replaced since: that is no reason to know nothing of its workspaces.
    left join daemons d on ${DAEMON_REPORTS}
    cross join lateral (
      select number, transition, job_id, version_id
      from builds
      where builds.workspace_id = w.id
      order by number desc
      limit 1
    ) as b
    join jobs j on j.id = b.job_id
    where w.id = any ($ids::uuid[])`,
});

interface Checks extends ReportingDaemon {
  readonly workspaceIds: readonly WorkspaceId[];
  readonly ready: readonly boolean[];
}

// Two reports about the same workspaces lock them in one order.
const LOCKED_CHECKS = `
  select a.id, a.workspace_id, a.lifecycle,
    case when given.ready then 'ready' else 'created' end as said
  from unnest($workspaceIds::uuid[], $ready::boolean[]) as given (workspace_id, ready)
  join agents a on a.workspace_id = given.workspace_id
  join workspaces w on w.id = a.workspace_id
  join daemons d on ${DAEMON_REPORTS}
  where a.kind = 'check'
    and ${DAEMON_HAS_WORKSPACE}
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
