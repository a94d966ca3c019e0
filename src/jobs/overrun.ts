// What a job ends with that was stopped because it ran for longer than it may.
import type { JobResult } from '../domain/job/job.ts';
import { JOB_FAILURES } from '../domain/job/failure.ts';

export function overrun(error: string): JobResult & { readonly outcome: 'failed' } {
  return { outcome: 'failed', error, errorCode: JOB_FAILURES.runTimeExceeded };
}

/**
 * The result that is stored of an attempt that was asked to stop: nobody canceled it, and how it fell
 * when it was stopped says less than why. One that got done all the same is done.
 */
export function resultOfOverrun(reported: JobResult): JobResult {
  switch (reported.outcome) {
    case 'succeeded':
      return reported;
    case 'canceled':
      return overrun('it ran for longer than it may, and was stopped');
    case 'failed':
      if (reported.errorCode === JOB_FAILURES.runTimeExceeded) return reported;
      return overrun(`it ran for longer than it may, and was stopped: ${reported.error}`);
  }
}
