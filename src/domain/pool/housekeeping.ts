// What a pool cleans up beside its plan: evidence that was kept long enough, and deletes that failed.
import type { Instant } from '../../base/clock.ts';
import type { WorkspaceId } from '../../base/id.ts';
import { retryAt, type FailedTries } from '../job/retry-at.ts';

/** After so many failed tries a person should look. */
export const STUCK_AFTER_TRIES = 3;

/** A workspace that does not run any more and is kept so that people can see why. */
export interface Evidence {
  readonly workspaceId: WorkspaceId;
  readonly endedAt: Instant;
  /** How long it is kept; 0: without limit. */
  readonly retentionMs: number;
}

export interface FailedDelete extends FailedTries {
  readonly workspaceId: WorkspaceId;
}

export interface Housekeeping {
  readonly retired: readonly WorkspaceId[];
  readonly retried: readonly WorkspaceId[];
  /** When the next falls due; null: none will. */
  readonly nextAt: Instant | null;
}

export interface Keeping {
  readonly now: Instant;
  /** How many failed starts a pool keeps; 0: any number. */
  readonly failedKept: number;
}

/** What is due now, oldest first. */
export function decideHousekeeping(
  evidence: readonly Evidence[],
  failedDeletes: readonly FailedDelete[],
  { now, failedKept }: Keeping,
): Housekeeping {
  const ends = [...evidence]
    .sort((a, b) => b.endedAt - a.endedAt || (a.workspaceId < b.workspaceId ? 1 : -1))
    .map(({ workspaceId, endedAt, retentionMs }, place) => ({
      workspaceId,
      at: endOfRetention({ endedAt, retentionMs, isOver: failedKept > 0 && place >= failedKept }),
    }))
    .reverse();
  const retries = failedDeletes.map((failed) => ({
    workspaceId: failed.workspaceId,
    at: retryAt(failed),
  }));
  const isDue = ({ at }: { readonly at: Instant | null }): boolean => at !== null && at <= now;
  const later = [...ends, ...retries].flatMap(({ at }) => (at !== null && at > now ? [at] : []));
  return {
    retired: ends.filter(isDue).map((end) => end.workspaceId),
    retried: retries.filter(isDue).map((retry) => retry.workspaceId),
    nextAt: later.length === 0 ? null : Math.min(...later),
  };
}

function endOfRetention(kept: {
  readonly endedAt: Instant;
  readonly retentionMs: number;
  /** There are enough that ended later. */
  readonly isOver: boolean;
}): Instant | null {
  if (kept.isOver) return kept.endedAt;
  return kept.retentionMs > 0 ? kept.endedAt + kept.retentionMs : null;
}

export function isStuckDelete(tries: number): boolean {
  return tries >= STUCK_AFTER_TRIES;
}
