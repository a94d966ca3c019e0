// Pools as the contract words them.
import { formatInstant, type Instant } from '../../base/clock.ts';
import { viewAction, viewState, viewWithheld } from '../../contract/plan/view.ts';
import type { PlannedPoolView, PoolDetailView, PoolView } from '../../contract/pool/schema.ts';
import type { MemberPage, PoolDetail, PoolPage } from '../../reconciler/pool-page.ts';
import { isOverLimit, type PresetPlan } from '../../reconciler/pool-plan.ts';
import { toRehearsalView } from '../rehearsal/view.ts';
import { toWaiterView } from '../waiter/view.ts';

export function toPoolView({ pool, reconciliationPaused, limit, plan }: PoolPage): PoolView {
  const asking = plan.presets.find(({ usingActiveVersion }) => usingActiveVersion);
  const { sizeOverride, overridesSchedules } = pool;
  return {
    id: pool.id,
    organization: pool.organization,
    template: pool.template,
    preset: pool.preset,
    version: pool.version,
    paused: pool.paused,
    reconciliation_paused: reconciliationPaused,
    size_override:
      sizeOverride === null
        ? null
        : { instances: sizeOverride, overrides_schedules: overridesSchedules },
    last_invalidated_at: formatNullable(pool.lastInvalidatedAt),
    limit:
      limit === null
        ? null
        : {
            since: formatInstant(limit.since),
            trial_at: formatInstant(limit.trialAt),
            trial_workspace_id: limit.trialWorkspaceId,
          },
    state: asking === undefined ? null : viewState(asking.state),
    withheld: viewHeldBack(asking?.withheld ?? null),
    validation_error: asking?.validationError ?? null,
    rehearsal: pool.rehearsal === null ? null : toRehearsalView(pool.rehearsal),
  };
}

export function toPlannedPoolView(page: PoolPage): PlannedPoolView {
  const { presets, housekeeping, brakeEvent, nextAt } = page.plan;
  return {
    ...toPoolView(page),
    plan: {
      presets: presets.map((preset) => ({
        preset_id: preset.presetId,
        version: preset.version,
        active: preset.usingActiveVersion,
        state: viewState(preset.state),
        actions: preset.actions.map(viewAction),
        withheld: viewHeldBack(preset.withheld),
        validation_error: preset.validationError,
      })),
      housekeeping: { retire: [...housekeeping.retired], retry: [...housekeeping.retried] },
      limit_event: brakeEvent,
      next_boundary: formatNullable(nextAt),
    },
  };
}

export function toPoolDetailView(detail: PoolDetail): PoolDetailView {
  return {
    ...toPlannedPoolView(detail),
    members: detail.members.map(toMemberView),
    waiters: detail.waiters.map((waiter) => toWaiterView(waiter, detail.pace)),
    events: detail.events.map(({ kind, at, workspaceId, reason, details }) => ({
      kind,
      at: formatInstant(at),
      workspace_id: workspaceId,
      reason,
      details,
    })),
  };
}

function viewHeldBack(withheld: PresetPlan['withheld']): PoolView['withheld'] {
  return withheld === null || isOverLimit(withheld) ? withheld : viewWithheld(withheld);
}

function formatNullable(at: Instant | null): string | null {
  return at === null ? null : formatInstant(at);
}

function toMemberView(member: MemberPage): PoolDetailView['members'][number] {
  const { workspaceId, name, phase, ready, since, problem } = member;
  return {
    workspace_id: workspaceId,
    name,
    status: phase,
    ready,
    since: formatInstant(since),
    problem,
  };
}
