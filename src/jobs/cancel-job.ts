// Asking for a job's end: at once where nobody works on it, else its daemon is told, by its wait for
// such words and with the answer to its next sign of life.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobStatus } from '../domain/job/job.ts';
import type { Transaction } from '../store/database.ts';
import { askToCancelRow } from '../store/job.ts';
import { finishJob } from './finish-job.ts';
import { lockJob, type Locked } from './locked-job.ts';

export interface AskedToCancel {
  readonly before: JobStatus;
  /** Equal for one that has ended, or was asked before: it stays as it is. */
  readonly after: JobStatus;
}

/** Undefined when there is no such job. */
export async function cancelJob(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  id: JobId,
): Promise<AskedToCancel | undefined> {
  const locked = await lockJob(tx, id);
  if (locked === undefined) return undefined;
  const { status: before } = locked.job;
  switch (before) {
    case 'pending':
      await finishJob(kit, tx, { locked, result: { outcome: 'canceled' } });
      return { before, after: 'canceled' };
    case 'running':
      await askToCancelRow.run(tx, { id });
      announceCancel(tx, locked);
      return { before, after: 'canceling' };
    default:
      return { before, after: before };
  }
}

/** That a running job was asked to stop. */
export function announceCancel(tx: Transaction, { job, workspace }: Locked): void {
  tx.notify({ kind: 'job', jobId: job.id });
  if (job.daemonId !== null) tx.notify({ kind: 'cancel', daemonId: job.daemonId });
  if (workspace !== null) tx.notify({ kind: 'workspace', workspaceId: workspace.id });
}
