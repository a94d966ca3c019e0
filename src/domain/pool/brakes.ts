// What holds a pool's creations back: recent failures, and a limit that opens again by trials.
// Judged are the first builds of the pool's active preset since `judgedSince`, newest first,
// whatever became of their workspaces.
import type { Instant } from '../../base/clock.ts';
import type { PresetId, WorkspaceId } from '../../base/id.ts';
import type { BrakeEvent } from './brake-event.ts';
import type { FailedBuilds } from './snapshot.ts';

/** The longest time between two trials. */
const MAX_COOLDOWN_MS = 4 * 3_600_000;

export interface JudgedBuild {
  readonly workspaceId: WorkspaceId;
  readonly presetId: PresetId;
  readonly createdAt: Instant;
  readonly completedAt: Instant;
  readonly failed: boolean;
}

/** What is stored of a pool's brakes. */
export interface Brakes {
  /** The preset they are about; another active one starts clean. */
  readonly presetId: PresetId;
  /** Builds made before do not count. */
  readonly judgedSince: Instant;
  /** Null while the pool is not limited. */
  readonly limit: HardLimit | null;
}

export interface HardLimit {
  readonly since: Instant;
  /** When one build may be tried, unless one is being tried. */
  readonly trialAt: Instant;
  /** The time between the last verdict and `trialAt`. */
  readonly cooldownMs: number;
  readonly trialWorkspaceId: WorkspaceId | null;
}

export interface BrakeFacts {
  readonly stored: Brakes | null;
  /** The preset of the pool that is to be kept filled. */
  readonly presetId: PresetId;
  readonly judged: readonly JudgedBuild[];
  /** Whether a workspace's first build is still at work. */
  readonly isStarting: (workspaceId: WorkspaceId) => boolean;
}

export interface BrakeOptions {
  /** Failures in a row that limit a pool; 0: none do. */
  readonly hardLimit: number;
  /** Before the first trial. */
  readonly cooldownMs: number;
}

export interface BrakeDecision {
  /** As they are to be stored. */
  readonly brakes: Brakes;
  /** Null when nothing changed that people should hear of. */
  readonly event: BrakeEvent | null;
  readonly changed: boolean;
}

/** Opens, closes or moves the limit, as the judged builds say. */
export function decideBrakes(
  facts: BrakeFacts,
  now: Instant,
  options: BrakeOptions,
): BrakeDecision {
  const { stored, presetId } = facts;
  if (stored?.presetId !== presetId) {
    const brakes = { presetId, judgedSince: now, limit: null };
    return { brakes, event: null, changed: true };
  }
  const newest = judgedBuilds(facts.judged, stored).slice(0, options.hardLimit);
  const limited =
    options.hardLimit > 0 &&
    newest.length === options.hardLimit &&
    newest.every((build) => build.failed);
  const change = (event: BrakeEvent, next: Partial<Brakes>): BrakeDecision => ({
    brakes: { ...stored, ...next },
    event,
    changed: true,
  });

  const { limit } = stored;
  if (limit === null) {
    if (!limited) return { brakes: stored, event: null, changed: false };
    return change('hard_limit_reached', { limit: limitFrom(now, now, options.cooldownMs) });
  }
  if (!limited) return change('hard_limit_healed', { judgedSince: now, limit: null });
  const { trialWorkspaceId, cooldownMs, since } = limit;
  if (trialWorkspaceId === null || facts.isStarting(trialWorkspaceId)) {
    return { brakes: stored, event: null, changed: false };
  }
  if (newest.some((build) => build.workspaceId === trialWorkspaceId)) {
    const doubledMs = Math.min(cooldownMs * 2, Math.max(MAX_COOLDOWN_MS, options.cooldownMs));
    return change('trial_failed', { limit: limitFrom(since, now, doubledMs) });
  }
  return change('trial_voided', { limit: limitFrom(since, now, cooldownMs) });
}

/** Those of `judged` that count, newest first. */
function judgedBuilds(
  judged: readonly JudgedBuild[],
  { presetId, judgedSince }: Brakes,
): readonly JudgedBuild[] {
  return judged
    .filter((build) => build.presetId === presetId && build.createdAt >= judgedSince)
    .sort((a, b) => b.createdAt - a.createdAt || (a.workspaceId < b.workspaceId ? 1 : -1));
}

function limitFrom(since: Instant, now: Instant, cooldownMs: number): HardLimit {
  return { since, trialAt: now + cooldownMs, cooldownMs, trialWorkspaceId: null };
}

export interface BackoffOptions {
  readonly now: Instant;
  readonly lookbackMs: number;
  /** How many of the newest builds open the window: as many as are desired, at least one. */
  readonly newest: number;
}

/** The recent failures that open a backoff window; null when none of the newest builds is one. */
export function findBackoff(
  judged: readonly JudgedBuild[],
  brakes: Brakes,
  { now, lookbackMs, newest }: BackoffOptions,
): FailedBuilds | null {
  const counted = judgedBuilds(judged, brakes);
  const isRecentFailure = (build: JudgedBuild): boolean =>
    build.failed && build.createdAt >= now - lookbackMs;
  if (!counted.slice(0, Math.max(newest, 1)).some(isRecentFailure)) return null;
  const failed = counted.filter(isRecentFailure);
  const last = failed[0];
  return last === undefined ? null : { numFailed: failed.length, lastBuildAt: last.completedAt };
}
