// Whether a pass has to lock a preset's pool at all.
import type { Plan } from './plan.ts';
import type { PresetStatus } from './snapshot.ts';

/** What the snapshot knows about a preset beside its plan. */
export interface PresetFacts {
  readonly plan: Plan;
  readonly storedStatus: PresetStatus;
  readonly computedStatus: PresetStatus;
  /** Evidence past its retention, a failed delete to retry, or the hard limit to open or close. */
  readonly housekeepingDue: boolean;
  /** People in the pool's wait queue. */
  readonly waiting: number;
}

/** False only when a reconcile of the preset would change nothing. */
export function needsReconciling(facts: PresetFacts): boolean {
  return (
    facts.plan.actions.length > 0 ||
    facts.computedStatus !== facts.storedStatus ||
    facts.housekeepingDue ||
    facts.waiting > 0
  );
}
