// Whether the undo of an attempt takes a workspace away.
import type { AttemptName } from './driver.ts';

export interface Origin {
  /** The attempt that made the workspace. */
  readonly madeBy: AttemptName;
  /** The one that was the last to start it. */
  readonly startedBy: AttemptName;
}

/**
 * Only what nobody but the job that made it has started. Of its attempts it is the last one's: a
 * former one, late to hear that it is lost, must not take what that one stands on.
 */
export function isUndoable({ madeBy, startedBy }: Origin, undone: AttemptName): boolean {
  return (
    madeBy.jobId === undone.jobId &&
    startedBy.jobId === undone.jobId &&
    startedBy.attempt === undone.attempt
  );
}
