// What a daemon should do with a workspace that it found on its machine.
import type { JobStatus, Transition } from '../job/job.ts';

/** running: its processes live; gone: they should but do not; stopped: nothing should run. */
export type ReportedState = 'running' | 'gone' | 'stopped';

/** What the database knows of a reported workspace. */
export interface ReportedFacts {
  readonly isDeleted: boolean;
  /** Nobody has claimed it: it is the pool's. */
  readonly isPools: boolean;
  /** It lives on the daemon's machine, so that what the daemon says of it counts. */
  readonly isHere: boolean;
  /** It lives on another machine, or belongs to an organization that the daemon does not serve. */
  readonly isElsewhere: boolean;
  /** The daemon is older than what its version asks for, as after a downgrade. */
  readonly isTooNew: boolean;
  readonly latestBuild: {
    readonly number: number;
    readonly transition: Transition;
    readonly status: JobStatus;
  };
}

export interface Wanted {
  /** keep: leave it as it is; restart: bring it back; remove: take away every trace. */
  readonly want: 'keep' | 'restart' | 'remove';
  /** It can never be ready again, which its pool has to know. */
  readonly isGone: boolean;
}

const KEEP: Wanted = { want: 'keep', isGone: false };
const REMOVE: Wanted = { want: 'remove', isGone: false };

/**
 * Decides over one reported workspace; `facts` are undefined when the database knows none of that
 * id. Removes only what nothing stands for: whatever is in doubt is kept.
 */
export function decideReported(state: ReportedState, facts: ReportedFacts | undefined): Wanted {
  if (facts === undefined) return REMOVE;
  if (facts.isElsewhere) return KEEP;
  if (facts.isDeleted) return REMOVE;
  const { number, transition, status } = facts.latestBuild;
  switch (status) {
    case 'pending':
    case 'running':
    case 'canceling':
      return KEEP;
    case 'failed':
    case 'canceled':
      // Nothing was ever built well; of a later build the former state is still worth keeping.
      return number === 1 ? REMOVE : KEEP;
    case 'succeeded':
      if (transition !== 'start' || state === 'running') return KEEP;
      if (facts.isPools) return { want: 'keep', isGone: facts.isHere };
      return facts.isTooNew ? KEEP : { want: 'restart', isGone: false };
  }
}
