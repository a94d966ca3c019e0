// A plan as it goes over the wire and to the terminal; the order of keys is part of the format.
import type { z } from 'zod';
import { formatInstant } from '../../base/clock.ts';
import type { Action, Plan, PoolState, Withheld } from '../../domain/pool/plan.ts';
import type { planAction, poolState, poolWithheld } from '../pool/schema.ts';

export interface PlanView {
  readonly state: PoolStateView;
  readonly actions: readonly ActionView[];
  readonly withheld: WithheldView | null;
}

export type PoolStateView = z.output<typeof poolState>;
export type WithheldView = NonNullable<z.output<typeof poolWithheld>>;
export type ActionView = z.output<typeof planAction>;

/** The plan in wire form; times carry milliseconds. */
export function viewPlan(plan: Plan): PlanView {
  return {
    state: viewState(plan.state),
    actions: plan.actions.map(viewAction),
    withheld: plan.withheld === null ? null : viewWithheld(plan.withheld),
  };
}

/** The state of a preset's pool in wire form. */
export function viewState(state: PoolState): PoolStateView {
  return {
    actual: state.actual,
    expired: state.expired,
    unhealthy: state.unhealthy,
    desired: state.desired,
    desired_source: state.desiredSource,
    target: state.target,
    eligible: state.eligible,
    extraneous: state.extraneous,
    starting: state.starting,
    stopping: state.stopping,
    deleting: state.deleting,
    backoff_until: state.backoffUntil === null ? null : formatInstant(state.backoffUntil),
  };
}

/** An action in wire form. */
export function viewAction(action: Action): ActionView {
  return action.kind === 'delete'
    ? { type: action.kind, reason: action.reason, ids: [...action.ids] }
    : { type: action.kind, count: action.count };
}

/** What is held back in wire form. */
export function viewWithheld(withheld: Withheld): WithheldView {
  const { count, reason } = withheld;
  if (reason === 'paused') return { count, deletes: withheld.deletes, reason };
  if (reason === 'validation_failed' || withheld.until === undefined) return { count, reason };
  return { count, reason, until: formatInstant(withheld.until) };
}
