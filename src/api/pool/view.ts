// Pools as the contract words them.
import { formatInstant } from '../../base/clock.ts';
import { viewState, viewWithheld } from '../../contract/plan/view.ts';
import type { PoolDetailView, PoolView } from '../../contract/pool/schema.ts';
import type { MemberPage, PoolDetail, PoolPage } from '../../reconciler/pool-page.ts';

export function toPoolView({ pool, state, withheld, validationError }: PoolPage): PoolView {
  return {
    id: pool.id,
    organization: pool.organization,
    template: pool.template,
    preset: pool.preset,
    version: pool.version,
    paused: pool.paused,
    state: state === null ? null : viewState(state),
    withheld: withheld === null || withheld.reason === 'budget' ? withheld : viewWithheld(withheld),
    validation_error: validationError,
  };
}

export function toPoolDetailView(detail: PoolDetail): PoolDetailView {
  return {
    ...toPoolView(detail),
    members: detail.members.map(toMemberView),
    events: detail.events.map(({ kind, at, workspaceId, reason, details }) => ({
      kind,
      at: formatInstant(at),
      workspace_id: workspaceId,
      reason,
      details,
    })),
  };
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
