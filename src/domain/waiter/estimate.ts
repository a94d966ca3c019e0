// How long somebody in line has still to wait, from what the pool builds and how long its builds take.

/** Why nothing can be promised, each with the sentence that says when; the first that applies. */
export const NO_ESTIMATE = {
  paused: 'when the pool, or every pool, is paused',
  validation_failed: 'when the parameters of the preset do not fit its version',
  hard_limited: 'when the newest builds of the pool all failed',
  backoff: 'when a build failed lately and the next one has to wait',
  budget: 'when the organization builds as much as it may',
  quota: 'when the pools of the organization may not spend more',
  not_building: 'when the pool builds none',
  not_measured: 'when none of its builds has succeeded yet',
} as const;
export type NoEstimate = keyof typeof NO_ESTIMATE;

export interface PoolPace {
  /** Can be handed over at this moment. */
  readonly eligible: number;
  /** For how long each of those has been building that are being built; 0 for one that is not begun. */
  readonly buildingMs: readonly number[];
  /** Mean duration of its newest good builds; null: there are none. */
  readonly buildMs: number | null;
  /** Why creations are held back; null: they are not. */
  readonly withheld: NoEstimate | null;
}

export type Estimate =
  | { readonly kind: 'known'; readonly ms: number }
  | { readonly kind: 'unknown'; readonly because: NoEstimate };

/** What a build that is under way ends in is not to be relied on. */
const PROMISES_NOTHING: readonly (NoEstimate | null)[] = [
  'paused',
  'validation_failed',
  'hard_limited',
];

/** For the one at `position`, counted from 1. */
export function estimateWait(pace: PoolPace, position: number): Estimate {
  const { withheld, buildMs } = pace;
  // What can be handed over is, within moments.
  const ahead = position - pace.eligible;
  if (ahead <= 0) return { kind: 'known', ms: 0 };
  if (
    withheld !== null &&
    (PROMISES_NOTHING.includes(withheld) || ahead > pace.buildingMs.length)
  ) {
    return { kind: 'unknown', because: withheld };
  }
  // The one that has been building for longest comes first; as many again are built after each is given away.
  const lanes = [...pace.buildingMs].sort((a, b) => b - a);
  const elapsedMs = lanes[(ahead - 1) % lanes.length];
  if (elapsedMs === undefined) return { kind: 'unknown', because: 'not_building' };
  if (buildMs === null) return { kind: 'unknown', because: 'not_measured' };
  const roundsBefore = Math.floor((ahead - 1) / lanes.length);
  return { kind: 'known', ms: Math.max(buildMs - elapsedMs, 0) + roundsBefore * buildMs };
}
