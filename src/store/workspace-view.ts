// A workspace as people see it: what it is shown with, and how that is found.
import type { BuildId, JobId, UserId, WorkspaceId } from '../base/id.ts';
import type { JobStatus, Stage, Transition } from '../domain/job/job.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import type { AutomaticUpdates } from '../domain/workspace/automatic-updates.ts';
import type { StartRefusal } from '../domain/workspace/life.ts';
import type { AgentLifecycle } from './agent.ts';
import {
  count,
  instant,
  int,
  json,
  nullable,
  oneOf,
  text,
  textArray,
  uuid,
  type RowOf,
} from './column.ts';
import { AGENT_WATCH } from './live-pool/ready-now.ts';

export interface WorkspaceAgent {
  readonly name: string;
  readonly kind: 'program' | 'check';
  readonly lifecycle: AgentLifecycle;
  /** RFC 3339, as PostgreSQL writes it into JSON. */
  readonly lastSeenAt: string | null;
  readonly appliedEpoch: number;
  /** Its last sign of life is recent enough. */
  readonly seen: boolean;
}

export const buildColumns = {
  buildId: uuid<BuildId>(),
  number: int,
  transition: oneOf<Transition>(),
  stage: oneOf<Stage>(),
  reason: text,
  version: text,
  preset: nullable(text),
  initiator: text,
  jobId: uuid<JobId>(),
  jobStatus: oneOf<JobStatus>(),
  error: nullable(text),
  errorCode: nullable(text),
  buildCreatedAt: instant,
  replaced: json<readonly Replacement[]>(),
};

export const BUILD_COLUMNS = `
  b.id as build_id, b.number, b.transition, b.stage, b.reason, v.name as version,
  p.name as preset, initiator.username as initiator, b.job_id, j.status as job_status, j.error,
  j.error_code, b.created_at as build_created_at, b.replaced`;

export const BUILD_JOINS = `
  join jobs j on j.id = b.job_id
  join template_versions v on v.id = b.version_id
  join users initiator on initiator.id = b.initiator_id
  left join presets p on p.id = b.preset_id`;

export const workspaceColumns = {
  id: uuid<WorkspaceId>(),
  organization: text,
  ownerId: uuid<UserId>(),
  owner: text,
  template: text,
  name: text,
  origin: oneOf<'prebuild' | 'user'>(),
  epoch: int,
  createdAt: instant,
  updatedAt: instant,
  lastUsedAt: instant,
  deletedAt: nullable(instant),
  ttlSeconds: nullable(int),
  deadlineAt: nullable(instant),
  lifetimeEndsAt: nullable(instant),
  autostartSchedule: nullable(text),
  autostartTimezone: nullable(text),
  nextStartAt: nullable(instant),
  /** When its schedule last tried to start it in vain, and why; null, both, once there is a later build. */
  startRefusedAt: nullable(instant),
  startRefusal: nullable(json<StartRefusal>()),
  idleStopSeconds: nullable(int),
  dormantAt: nullable(instant),
  deleteDormantAfterSeconds: nullable(int),
  automaticUpdates: oneOf<AutomaticUpdates>(),
  ...buildColumns,
  parameters: json<Readonly<Record<string, string>>>(),
  /** Names of those that have values, which are not shown. */
  sensitiveParameters: textArray,
  outputs: json<Readonly<Record<string, string>>>(),
  /** Of the build whose outputs hold, when it has secret ones. */
  secretOutputsJobId: nullable(uuid<JobId>()),
  /** States of overtaken attempts that are still to be destroyed. */
  strays: count,
  agents: json<readonly WorkspaceAgent[]>(),
};

export type WorkspaceRow = RowOf<typeof workspaceColumns>;
export type BuildRow = RowOf<typeof buildColumns>;

/** For the select list, in the order of `workspaceColumns`. */
export const WORKSPACE_COLUMNS = `
  w.id, o.name as organization, w.owner_id, owner.username as owner, t.name as template,
  w.name, w.origin, w.epoch, w.created_at, w.updated_at, w.last_used_at, w.deleted_at,
  w.ttl_seconds, w.deadline_at, w.lifetime_ends_at,
  w.autostart_schedule, w.autostart_timezone, w.next_start_at,
  case when w.start_refused_at > b.created_at then w.start_refused_at end as start_refused_at,
  case when w.start_refused_at > b.created_at then w.start_refusal end as start_refusal,
  w.idle_stop_seconds, w.dormant_at, w.delete_dormant_after_seconds, w.automatic_updates,
  ${BUILD_COLUMNS},
  b.parameters,
  coalesce(
    (select names from secret_parameters s where s.id = b.secret_parameters_id), '{}'
  ) as sensitive_parameters,
  coalesce(held.outputs, '{}') as outputs,
  held.secret_outputs_job_id,
  (
    select count(*)
    from stray_states s
    where s.workspace_id = w.id and s.destroyed_at is null
  ) as strays,
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'name', a.name,
      'kind', a.kind,
      'lifecycle', a.lifecycle,
      'lastSeenAt', a.last_seen_at,
      'appliedEpoch', a.applied_epoch,
      'seen', coalesce(
        a.last_seen_at + make_interval(secs => a.timeout_seconds) >= (select standby_now())
        or (select standby_now()) < (
          select judging_from from watches where watches.name = '${AGENT_WATCH}'), false)
      ) order by a.name)
    from agents a
    where a.workspace_id = w.id
  ), '[]') as agents`;

/** What follows `from workspaces w`, or from rows of workspaces as a statement has just written them. */
export const WORKSPACE_JOINS = `
  join organizations o on o.id = w.organization_id
  join users owner on owner.id = w.owner_id
  join templates t on t.id = w.template_id
  cross join lateral (
    select * from builds where builds.workspace_id = w.id order by builds.number desc limit 1
  ) as b
  -- Connection details hold until a later start replaces them.
  left join lateral (
    select s.outputs, case when s.secret_outputs is not null then s.job_id end
      as secret_outputs_job_id
    from builds s
    where s.workspace_id = w.id and s.outputs is not null
    order by s.number desc
    limit 1
  ) as held on true
  ${BUILD_JOINS}`;
