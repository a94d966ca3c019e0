// What the decision answers for one preset: what is, what to do, and what is held back and why.
import type { Instant } from '../../base/clock.ts';
import type { DesiredSource } from '../schedule/source.ts';

/** The preset as the decision counted it. */
export interface PoolState {
  /** Running and unhealthy ones. */
  readonly actual: number;
  readonly expired: number;
  readonly unhealthy: number;
  readonly desired: number;
  readonly desiredSource: DesiredSource | 'inactive';
  /** How many there are to be: desired, raised by waiting people. */
  readonly target: number;
  readonly eligible: number;
  readonly extraneous: number;
  readonly starting: number;
  readonly stopping: number;
  readonly deleting: number;
  /** The end of the backoff window while it is open. */
  readonly backoffUntil: Instant | null;
}

/** Why prebuilds are deleted, each with the sentence that says when. */
export const DELETE_REASONS = {
  inactive: 'when the version is not the active one, or the template is deprecated or deleted',
  expired: 'when it is older than the TTL or than the last invalidation',
  unhealthy: 'when it started well but is broken, or was not ready for too long',
  extraneous: 'when there are more fresh ones than are kept',
} as const;
export type DeleteReason = keyof typeof DELETE_REASONS;

export type Action<Id extends string = string> =
  /** Cancels the newest pending first builds of the preset. */
  | { readonly kind: 'cancel_pending'; readonly count: number }
  /** Deletes these, in this order. */
  | { readonly kind: 'delete'; readonly reason: DeleteReason; readonly ids: readonly Id[] }
  | { readonly kind: 'create'; readonly count: number };

/** Why creations are held back, each with the sentence that says when. */
export const WITHHELD_REASONS = {
  paused: 'when the pool is paused; its deletes are held back too',
  validation_failed: 'when the parameters of the preset do not fit its version',
  hard_limited: 'when the newest builds of the pool all failed and no trial is due',
  backoff: 'when a recent build failed and the window after it is still open',
} as const;

export type Withheld =
  | { readonly count: number; readonly deletes: number; readonly reason: 'paused' }
  | { readonly count: number; readonly reason: 'validation_failed' }
  /** `until` is the trial, while it lies ahead. */
  | { readonly count: number; readonly reason: 'hard_limited'; readonly until?: Instant }
  | { readonly count: number; readonly reason: 'backoff'; readonly until: Instant };

export interface Plan<Id extends string = string> {
  readonly state: PoolState;
  /** To be done in this order. */
  readonly actions: readonly Action<Id>[];
  readonly withheld: Withheld | null;
}
