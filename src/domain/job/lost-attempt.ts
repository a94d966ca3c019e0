// What becomes of a job whose daemon went silent or came back without it.
import type { JobStatus, JobType, Transition } from './job.ts';

/** After this many attempts a job that may be repeated fails as well: it may be what kills daemons. */
export const MAX_ATTEMPTS = 3;

export interface LostAttempt {
  readonly type: JobType;
  /** Null for a job that is not about a workspace. */
  readonly transition: Transition | null;
  readonly status: Extract<JobStatus, 'running' | 'canceling'>;
  /** The attempt that was lost, counted from 1. */
  readonly attempt: number;
}

/**
 * A start fails, because what it may have built half is not to be built upon, and a rehearsal, because
 * another one follows with the next good prebuild; imports, stops and deletes are safe to repeat and are
 * queued again. What somebody wants canceled is never repeated.
 */
export function decideLostAttempt(lost: LostAttempt): 'requeue' | 'fail' {
  if (lost.status === 'canceling' || lost.attempt >= MAX_ATTEMPTS) return 'fail';
  return lost.transition === 'start' || lost.type === 'rehearsal' ? 'fail' : 'requeue';
}
