// The status of a provisioner job. The database derives it; this is the same rule for documents,
// simulations, and the test that holds the two together.
import type { JobStatus } from './job.ts';

/** What a status is derived from. */
export interface JobFacts {
  readonly completed: boolean;
  readonly failed: boolean;
  readonly canceled: boolean;
  readonly acquired: boolean;
  /** What was asked for exists; a canceled job may have got so far. */
  readonly succeeded: boolean;
}

/** The status of a job; first rule that applies. */
export function deriveJobStatus(facts: JobFacts): JobStatus {
  if (facts.completed) {
    if (facts.failed) return 'failed';
    return facts.succeeded || !facts.canceled ? 'succeeded' : 'canceled';
  }
  if (facts.canceled) return 'canceling';
  return facts.acquired ? 'running' : 'pending';
}
