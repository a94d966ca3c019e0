// Waiters as they go over the wire.
import { formatInstant } from '../../base/clock.ts';
import type { WaiterView } from '../../contract/waiter/schema.ts';
import { estimateWait, type Estimate, type PoolPace } from '../../domain/waiter/estimate.ts';
import type { WaiterRow } from '../../store/waiter.ts';
import { whyOver } from '../../workspaces/waiting/why-over.ts';

/** `pace` is that of its pool. */
export function toWaiterView(row: WaiterRow, pace: PoolPace | undefined): WaiterView {
  // Past its deadline, though nobody has noted it yet.
  const outcome = row.outcome ?? (row.leftMs > 0 ? null : 'timed_out');
  const why = whyOver({ ...row, outcome });
  const position = outcome === null ? row.position : null;
  const estimate =
    position === null || pace === undefined ? undefined : estimateWait(pace, position);
  return {
    id: row.id,
    organization: row.organization,
    owner: row.owner,
    template: row.template,
    preset: row.preset,
    name: row.name,
    priority: row.priority,
    state: outcome ?? 'waiting',
    position,
    ...viewEstimate(estimate),
    workspace_id: row.workspaceId,
    error_code: why?.code ?? null,
    error: why?.detail ?? null,
    created_at: formatInstant(row.createdAt),
    deadline_at: formatInstant(row.deadlineAt),
    ended_at: row.endedAt === null ? null : formatInstant(row.endedAt),
  };
}

function viewEstimate(
  estimate: Estimate | undefined,
): Pick<WaiterView, 'eta_seconds' | 'eta_reason'> {
  if (estimate === undefined) return { eta_seconds: null, eta_reason: null };
  return estimate.kind === 'known'
    ? { eta_seconds: Math.ceil(estimate.ms / 1000), eta_reason: null }
    : { eta_seconds: null, eta_reason: estimate.because };
}
