// Whose reports about a workspace count, on `daemons d` and `workspaces w`, for every statement that
// stores one.
import type { DaemonId, ProvisionerKeyId } from '../base/id.ts';

/** One process of a daemon, as it calls. */
export interface ReportingDaemon {
  readonly daemonId: DaemonId;
  readonly keyId: ProvisionerKeyId;
  readonly incarnation: number;
}

export const DAEMON_REPORTS = `(
  d.id = $daemonId
  and d.key_id = $keyId
  and d.incarnation = $incarnation)`;

/**
 * The workspace lives on the daemon's machine, or its first build is at work there. Of one that lives
 * on no machine no daemon can say how it is: its agents do.
 */
export const DAEMON_HAS_WORKSPACE = `(
  (d.organization_id is null or d.organization_id = w.organization_id)
  and d.machine_id = coalesce(w.machine_id, (
    select j.machine_id
    from builds b
    join jobs j on j.id = b.job_id
    where b.workspace_id = w.id
    order by b.number desc
    limit 1)))`;
