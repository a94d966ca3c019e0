// Why a request got no prebuilt workspace, in one word.
import type { PresetStatus } from '../pool/snapshot.ts';

/** Every reason, in the order in which they are looked for; the first that applies is told. */
export const MISS_REASONS = {
  no_pool: 'when no preset with a pool fits the request',
  parameters: 'when the request asks for values that a built workspace cannot take over',
  quota: 'when the claimant may not spend what the workspace costs',
  paused: 'when nothing is ready and the pool is paused',
  validation_failed:
    'when nothing is ready and the parameters of the preset do not fit its version',
  hard_limited: 'when nothing is ready and the newest builds of the pool all failed',
  all_expired: 'when there are prebuilds and every one is too old to be handed out',
  none_ready: 'when there are prebuilds and none of the fresh ones is ready',
  empty: 'when there are none at all',
} as const;
export type MissReason = keyof typeof MISS_REASONS;

/** What a miss is explained from; read after nothing could be taken. */
export interface MissFacts {
  readonly hasPool: boolean;
  /** False: they differ from what was built where that cannot be changed any more. */
  readonly parametersFit: boolean;
  readonly withinQuota: boolean;
  readonly paused: boolean;
  readonly presetStatus: PresetStatus;
  readonly hardLimited: boolean;
  /** Prebuilds that run, healthy or not. */
  readonly running: number;
  /** Of these, how many are expired. */
  readonly expired: number;
}

/** The first reason that applies. */
export function decideMissReason(facts: MissFacts): MissReason {
  if (!facts.hasPool) return 'no_pool';
  if (!facts.parametersFit) return 'parameters';
  if (!facts.withinQuota) return 'quota';
  if (facts.paused) return 'paused';
  if (facts.presetStatus === 'validation_failed') return 'validation_failed';
  if (facts.hardLimited) return 'hard_limited';
  if (facts.running === 0) return 'empty';
  return facts.expired === facts.running ? 'all_expired' : 'none_ready';
}
