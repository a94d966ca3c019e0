// Asking for a job's end: at once where nobody works on it, else its daemon is told at its next
// sign of life.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobStatus } from '../domain/job/job.ts';
import type { Transaction } from '../store/database.ts';
import { askToCancelRow } from '../store/job.ts';
import { finishJob } from './finish-job.ts';
import { lockJob } from './locked-job.ts';

/** The job's status afterwards, or undefined when there is no such job. One that has ended stays as it is. */
export async function cancelJob(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  id: JobId,
): Promise<JobStatus | undefined> {
  const locked = await lockJob(tx, id);
  if (locked === undefined) return undefined;
  switch (locked.job.status) {
    case 'pending':
      await finishJob(kit, tx, { locked, result: { outcome: 'canceled' } });
      return 'canceled';
    case 'running':
      await askToCancelRow.run(tx, { id });
      tx.notify({ kind: 'job', jobId: id });
      if (locked.workspace !== null) {
        tx.notify({ kind: 'workspace', workspaceId: locked.workspace.id });
      }
      return 'canceling';
    default:
      return locked.job.status;
  }
}
