// Ending an attempt whose daemon will not report it any more.
import type { Kit } from '../base/kit.ts';
import { decideLostAttempt } from '../domain/job/lost-attempt.ts';
import type { Transaction } from '../store/database.ts';
import { requeueJobRow } from '../store/job.ts';
import { finishJob } from './finish-job.ts';
import type { Locked } from './locked-job.ts';

export interface LostAttemptError {
  readonly code: string;
  readonly error: string;
}

/** Queues the job again where that is safe, else fails it; false when nobody works on it any more. */
export async function endLostAttempt(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { locked, code, error }: LostAttemptError & { readonly locked: Locked },
): Promise<boolean> {
  const { job } = locked;
  const { status } = job;
  if (status !== 'running' && status !== 'canceling') return false;
  if (decideLostAttempt({ ...job, status }) === 'fail') {
    await finishJob(kit, tx, { locked, result: { outcome: 'failed', error, errorCode: code } });
    return true;
  }
  await requeueJobRow.run(tx, { id: job.id });
  tx.notify(
    { kind: 'job', jobId: job.id },
    { kind: 'queue', organizationId: job.organizationId, driver: job.driver },
  );
  if (locked.workspace !== null) tx.notify({ kind: 'workspace', workspaceId: locked.workspace.id });
  return true;
}
