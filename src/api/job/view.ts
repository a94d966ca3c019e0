// Rows about jobs as the contract shows them.
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { JobView } from '../../contract/job/schema.ts';
import { describeWaiting } from '../../domain/job/waiting-reason.ts';
import type { JobRow } from '../../store/job-view.ts';

export function viewJob(row: JobRow): JobView {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    organization: row.organization,
    driver: row.driver,
    initiator: row.initiator,
    subject: describeSubject(row),
    attempt: row.attempt,
    daemon: row.daemon,
    created_at: formatInstant(row.createdAt),
    acquired_at: formatNullable(row.acquiredAt),
    completed_at: formatNullable(row.completedAt),
    error: row.error,
    error_code: row.errorCode,
    waiting_reason: row.status === 'pending' ? describeWaiting(row) : null,
  };
}

/** `start alice/demo (build 2)`, `import hello v3`, `rehearse hello/small v3`. */
function describeSubject(row: JobRow): string {
  const { build, version, rehearsal } = row;
  if (build !== null) {
    return `${build.transition} ${build.owner}/${build.workspace} (build ${build.number})`;
  }
  if (rehearsal !== null) {
    return `rehearse ${rehearsal.template}/${rehearsal.preset} ${rehearsal.name}`;
  }
  return version === null ? row.type : `import ${version.template} ${version.name}`;
}

function formatNullable(at: Instant | null): string | null {
  return at === null ? null : formatInstant(at);
}
