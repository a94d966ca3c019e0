// When a pool has to be looked at although nobody announces anything: a time that was decided earlier.
import type { Instant } from '../../base/clock.ts';
import { findNextChange } from '../schedule/next-change.ts';
import { isActive } from './decide.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { Plan } from './plan.ts';
import type { PresetSnapshot } from './snapshot.ts';

export interface BoundaryFacts {
  readonly presets: readonly { readonly snapshot: PresetSnapshot; readonly plan: Plan }[];
  readonly housekeeping: Housekeeping;
}

/** The earliest moment after `now` at which the decision will differ; null: none is known. */
export function findBoundary(
  facts: BoundaryFacts,
  unhealthyAt: readonly Instant[],
  now: Instant,
): Instant | null {
  const moments = [
    ...facts.presets.flatMap(({ snapshot, plan }) => presetBoundaries(snapshot, plan)),
    ...facts.presets.map(({ snapshot: { preset } }) =>
      isActive(preset) ? findNextChange(preset, now) : null,
    ),
    ...unhealthyAt,
    facts.housekeeping.nextAt,
  ];
  const ahead = moments.filter(
    (at): at is Instant => at !== null && Number.isFinite(at) && at > now,
  );
  return ahead.length === 0 ? null : Math.min(...ahead);
}

/** One millisecond after what holds at its very end still. */
function presetBoundaries(snapshot: PresetSnapshot, { withheld }: Plan): readonly Instant[] {
  const ttlMs = (snapshot.preset.ttlSeconds ?? 0) * 1000;
  const expires = ttlMs > 0 ? snapshot.running.map(({ createdAt }) => createdAt + ttlMs + 1) : [];
  if (withheld?.reason === 'backoff') return [...expires, withheld.until + 1];
  if (withheld?.reason === 'hard_limited' && withheld.until !== undefined) {
    return [...expires, withheld.until];
  }
  return expires;
}
