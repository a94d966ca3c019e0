// How long builds took that people or pools waited for, from queued to done by the database's clock.
import type { Kit } from '../base/kit.ts';
import type { FinishedJob } from './finish-job.ts';

export function measureBuild(
  { meter }: Pick<Kit, 'meter'>,
  { job, result, times }: FinishedJob,
): void {
  if (result.outcome !== 'succeeded') return;
  const ms = times.completedAt - times.createdAt;
  if (job.stage === 'create') meter.observe('prebuild_creation_duration', ms);
  if (job.stage === 'claim') meter.observe('claim_to_ready', ms);
}
