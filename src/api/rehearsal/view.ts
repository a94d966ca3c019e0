// Rehearsals as the contract words them.
import { formatInstant } from '../../base/clock.ts';
import type { RehearsalView } from '../../contract/rehearsal/schema.ts';
import { rehearsalStatus } from '../../domain/job/rehearsal.ts';
import type { RehearsalRow } from '../../store/rehearsal.ts';

export function toRehearsalView(row: RehearsalRow): RehearsalView {
  const { preset, findings, error, jobId, completedAt } = row;
  return {
    preset,
    status: rehearsalStatus(row),
    findings: findings.map((one) => ({ ...one, paths: [...one.paths] })),
    error,
    job_id: jobId,
    completed_at: completedAt === null ? null : formatInstant(Date.parse(completedAt)),
  };
}
