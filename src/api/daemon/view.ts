// Rows about keys and daemons as the contract shows them.
import { formatInstant } from '../../base/clock.ts';
import type { JobId } from '../../base/id.ts';
import type { DaemonView, ProvisionerKeyView } from '../../contract/daemon/schema.ts';
import type { DaemonRow } from '../../store/daemon-view.ts';
import type { JobRow } from '../../store/job-view.ts';
import type { ProvisionerKeyRow } from '../../store/provisioner-key.ts';
import { viewJob } from '../job/view.ts';

export function viewProvisionerKey(row: ProvisionerKeyRow): ProvisionerKeyView {
  return {
    id: row.id,
    name: row.name,
    organization: row.organization,
    tags: row.tags,
    created_at: formatInstant(row.createdAt),
    daemons_online: row.daemonsOnline,
  };
}

/** `jobs`: at least those that the row names and that there still are. */
export function viewDaemon(row: DaemonRow, jobs: ReadonlyMap<JobId, JobRow>): DaemonView {
  const status = statusOf(row);
  return {
    id: row.id,
    name: row.name,
    status,
    organization: row.organization,
    key: { id: row.keyId, name: row.keyName },
    drivers: [...row.drivers],
    tools: row.tools,
    tags: row.tags,
    version: row.version,
    protocol_version: row.protocolVersion,
    machine_id: row.machineId,
    slots: row.slots,
    free_slots: status === 'online' ? Math.max(0, row.slots - row.held) : 0,
    jobs: row.jobIds.flatMap((id) => jobs.get(id) ?? []).map(viewJob),
    registered_at: formatInstant(row.registeredAt),
    last_seen_at: formatInstant(row.lastSeenAt),
  };
}

function statusOf({ keyRevoked, isSeen }: DaemonRow): DaemonView['status'] {
  if (keyRevoked) return 'revoked';
  return isSeen ? 'online' : 'offline';
}
