// What the decision sees of one preset: plain values, read from the database or from a file.
import type { Instant } from '../../base/clock.ts';
import type { ScheduleEntry } from '../schedule/schedule.ts';

/** Stored conditions of a preset, each with the sentence that says when it holds. */
export const PRESET_STATUSES = {
  healthy: 'when nothing is known against building it',
  validation_failed: 'when its parameters do not fit its version, until the version changes',
} as const;
export type PresetStatus = keyof typeof PRESET_STATUSES;

/** One unclaimed prebuild that runs. */
export interface LivePrebuild<Id extends string = string> {
  readonly id: Id;
  /** When its first build was first acquired: its age does not count queueing. */
  readonly createdAt: Instant;
  readonly ready: boolean;
}

/** One preset, with what its pool adds to it. */
export interface PoolPreset {
  /** The count asked for when no schedule says otherwise; the pool's size override goes first. */
  readonly desired: number;
  /** The most that waiting people may raise the target to; null: they do not raise it. */
  readonly maxInstances: number | null;
  /** Null or 0: prebuilds never grow too old. */
  readonly ttlSeconds: number | null;
  readonly usingActiveVersion: boolean;
  /** Of the template. */
  readonly deleted: boolean;
  /** Of the template. */
  readonly deprecated: boolean;
  readonly lastInvalidatedAt: Instant | null;
  readonly timezone: string;
  readonly schedules: readonly ScheduleEntry[];
  readonly status: PresetStatus;
  /** Of the pool. */
  readonly paused: boolean;
}

/** Unclaimed prebuilds of the preset whose latest build is at work, by its transition. */
export interface InProgress {
  /** Includes the pending ones. */
  readonly starting: number;
  /** First builds whose job nobody ever took. */
  readonly startingPending: number;
  readonly stopping: number;
  readonly deleting: number;
}

/** Recent failed first builds of the pool. */
export interface FailedBuilds {
  /** All that failed within the lookback. */
  readonly numFailed: number;
  /** When the newest of them completed. */
  readonly lastBuildAt: Instant;
}

/** One preset's part of the snapshot. */
export interface PresetSnapshot<Id extends string = string> {
  readonly preset: PoolPreset;
  readonly running: readonly LivePrebuild<Id>[];
  /** Started well but broken, or not ready for too long; listed apart from `running`. */
  readonly unhealthy: readonly LivePrebuild<Id>[];
  readonly inProgress: InProgress;
  /** Pending first builds of a preset that is not active. */
  readonly pendingInactive: number;
  readonly backoff: FailedBuilds | null;
  readonly hardLimited: boolean;
  /** When a hard-limited pool may try one build; null: never. */
  readonly trialAt: Instant | null;
  /** People in the pool's wait queue who have been given nothing. */
  readonly waiting: number;
  /** Those in it whose agents have yet to answer: where they do not, another prebuild is needed at once. */
  readonly unproven: number;
}
