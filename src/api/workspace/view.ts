// Workspaces and builds as they go over the wire.
import { formatInstant } from '../../base/clock.ts';
import type { BuildView, WorkspaceView } from '../../contract/workspace/schema.ts';
import { deriveWorkspaceStatus } from '../../domain/workspace/status.ts';
import { PREBUILDS_USER_ID } from '../../store/system-user.ts';
import type { BuildRow, WorkspaceAgent, WorkspaceRow } from '../../store/workspace-view.ts';

/** `secretOutputs` are for the owner alone. */
export function toWorkspaceView(
  row: WorkspaceRow,
  secretOutputs: Readonly<Record<string, string>> = {},
): WorkspaceView {
  const status = deriveWorkspaceStatus(row.transition, row.jobStatus);
  return {
    id: row.id,
    organization: row.organization,
    owner: row.owner,
    template: row.template,
    name: row.name,
    origin: row.origin,
    epoch: row.epoch,
    status,
    usable: status === 'running' && row.agents.every((agent) => isInService(agent, row)),
    agents: row.agents.map((agent) => ({
      name: agent.name,
      kind: agent.kind,
      lifecycle: agent.lifecycle,
      last_seen_at: agent.lastSeenAt === null ? null : formatInstant(Date.parse(agent.lastSeenAt)),
      applied_epoch: agent.appliedEpoch,
    })),
    outputs: { ...row.outputs, ...secretOutputs },
    strays: row.strays,
    parameters: row.parameters,
    sensitive_parameters: [...row.sensitiveParameters],
    latest_build: toBuildView(row),
    created_at: formatInstant(row.createdAt),
    updated_at: formatInstant(row.updatedAt),
    last_used_at: formatInstant(row.lastUsedAt),
    ttl_seconds: row.ttlSeconds,
    deadline_at: row.deadlineAt === null ? null : formatInstant(row.deadlineAt),
    idle_stop_seconds: row.idleStopSeconds,
    ...toDormancy(row),
    autostart: toAutostart(row),
    automatic_updates: row.automaticUpdates,
    lifetime_ends_at: row.lifetimeEndsAt === null ? null : formatInstant(row.lifetimeEndsAt),
  };
}

export function toBuildView(row: BuildRow): BuildView {
  return {
    id: row.buildId,
    number: row.number,
    transition: row.transition,
    stage: row.stage,
    reason: row.reason,
    version: row.version,
    preset: row.preset,
    initiator: row.initiator,
    job_id: row.jobId,
    status: row.jobStatus,
    error: row.error,
    error_code: row.errorCode,
    created_at: formatInstant(row.buildCreatedAt),
    replaced: row.replaced.map((one) => ({ ...one, paths: [...one.paths] })),
  };
}

function toDormancy({
  dormantAt: since,
  deleteDormantAfterSeconds: kept,
}: WorkspaceRow): Pick<WorkspaceView, 'dormant_at' | 'dormant_until'> {
  if (since === null) return { dormant_at: null, dormant_until: null };
  return {
    dormant_at: formatInstant(since),
    dormant_until: kept === null ? null : formatInstant(since + kept * 1_000),
  };
}

function toAutostart(row: WorkspaceRow): WorkspaceView['autostart'] {
  const { autostartSchedule: schedule, autostartTimezone: timezone, nextStartAt: next } = row;
  if (schedule === null || timezone === null) return null;
  return {
    schedule,
    timezone,
    next_at: next === null ? null : formatInstant(next),
    // A dormant one may not be started, whatever was in the way of it before.
    refused: row.dormantAt === null ? toRefused(row) : null,
  };
}

function toRefused({
  startRefusedAt: at,
  startRefusal: refusal,
}: WorkspaceRow): NonNullable<WorkspaceView['autostart']>['refused'] {
  if (at === null || refusal === null) return null;
  // What is stored by another version may say more than this one's API does.
  const { code, detail, hint } = refusal;
  return { at: formatInstant(at), code, detail, hint };
}

/** Ready, heard of lately, and working for the present owner. */
function isInService(agent: WorkspaceAgent, workspace: WorkspaceRow): boolean {
  const owned = workspace.ownerId !== PREBUILDS_USER_ID && agent.kind === 'program';
  return (
    agent.lifecycle === 'ready' && agent.seen && (!owned || agent.appliedEpoch >= workspace.epoch)
  );
}
