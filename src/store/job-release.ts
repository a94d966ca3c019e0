// Giving back what a daemon's call for work has taken and its daemon never heard of. The call is named,
// not the attempt alone: given back and taken again, an attempt has the same number.
import type {
  AcquireCallId,
  DaemonId,
  JobId,
  OrganizationId,
  ProvisionerKeyId,
} from '../base/id.ts';
import { int, text, uuid } from './column.ts';
import { HOME_MACHINE } from './job-fit.ts';
import { statement, takes } from './statement.ts';

/**
 * As if the call had taken nothing. As one that was taken once, a start would count as under way for
 * ever.
 */
export const releaseJob = statement({
  name: 'job.release',
  takes: takes<{
    readonly id: JobId;
    readonly attempt: number;
    readonly takenByCall: AcquireCallId;
  }>(),
  gives: { organizationId: uuid<OrganizationId>(), driver: text },
  sql: `
    update jobs j
    set attempt = j.attempt - 1,
      acquired_at = null,
      heartbeat_at = null,
      daemon_id = null,
      taken_by_call = null,
      machine_id = ${HOME_MACHINE}
    where j.id = $id
      and j.attempt = $attempt
      and j.taken_by_call = $takenByCall
      and j.status = 'running'
    returning j.organization_id, j.driver`,
});

/** What the calls of this process of a daemon have taken that still counts. Uses jobs_active_idx. */
export const listTakenByCalls = statement({
  name: 'job.list_taken_by_calls',
  takes: takes<{
    readonly daemonId: DaemonId;
    readonly keyId: ProvisionerKeyId;
    readonly incarnation: number;
    readonly calls: readonly AcquireCallId[];
  }>(),
  gives: { id: uuid<JobId>(), attempt: int, takenByCall: uuid<AcquireCallId>() },
  sql: `
    select j.id, j.attempt, j.taken_by_call
    from jobs j
    join daemons d on d.id = j.daemon_id
    where j.daemon_id = $daemonId
      and j.status in ('running', 'canceling')
      and j.taken_by_call = any ($calls::uuid[])
      and d.key_id = $keyId
      and d.incarnation = $incarnation
    order by j.id`,
});
