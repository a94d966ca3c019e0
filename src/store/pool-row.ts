// The rows that the decision about pools is made from. Every query exists twice, word for word the same
// but for its scope: for all pools with anything to decide, which the periodic pass asks, and for some,
// which a reconcile under the lock asks by one statement. Their cost follows what is alive, not history.
import type {
  OrganizationId,
  PoolId,
  PresetId,
  TemplateId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import type { JobStatus, Transition } from '../domain/job/job.ts';
import type { PresetStatus } from '../domain/pool/snapshot.ts';
import {
  bool,
  count,
  float,
  instant,
  int,
  json,
  jsonText,
  nullable,
  oneOf,
  text,
  uuid,
  type RowOf,
} from './column.ts';
import { AGENT_WATCH, READY_NOW } from './live-pool/ready-now.ts';
import { PREBUILD_SETTINGS, type StoredSettings } from './settings.ts';
import { rowsAsJson, rowsOfJson, type JsonColumns } from './rows-as-json.ts';
import { statement, takes, type Executor, type NoArgs } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { oneByOne, unseen } from './unseen.ts';
import { IN_LINE } from './waiter.ts';

export interface PoolScope {
  readonly poolIds: readonly PoolId[];
}

const momentColumns = {
  now: instant,
  settings: nullable(json<StoredSettings>()),
  sweptAt: nullable(instant),
  judgingFrom: nullable(instant),
};

export type MomentRow = RowOf<typeof momentColumns>;

const MOMENT = `standby_now() as now,
      (select jsonb_build_object('document', value)
        from settings where name = '${PREBUILD_SETTINGS}') as settings,
      (select last_at from watches where name = '${AGENT_WATCH}') as swept_at,
      (select judging_from from watches where name = '${AGENT_WATCH}') as judging_from`;

export const readMoment = statement({
  name: 'pool.read_moment',
  takes: takes<NoArgs>(),
  gives: momentColumns,
  sql: `
    select ${MOMENT}`,
});

const presetColumns = {
  poolId: uuid<PoolId>(),
  organizationId: uuid<OrganizationId>(),
  paused: bool,
  sizeOverride: nullable(int),
  overridesSchedules: bool,
  lastInvalidatedAt: nullable(instant),
  templateId: uuid<TemplateId>(),
  template: text,
  presetId: uuid<PresetId>(),
  preset: text,
  versionId: uuid<VersionId>(),
  version: text,
  desired: int,
  maxInstances: nullable(int),
  ttlSeconds: nullable(int),
  timezone: text,
  schedules: json<readonly { readonly cron: string; readonly instances: number }[]>(),
  status: oneOf<PresetStatus>(),
  validationError: nullable(text),
  usingActiveVersion: bool,
  deleted: bool,
  deprecated: bool,
  unreadyGraceSeconds: float,
  failedRetentionSeconds: float,
  brakesPresetId: nullable(uuid<PresetId>()),
  judgedSince: nullable(instant),
  limitedAt: nullable(instant),
  trialAt: nullable(instant),
  cooldownMs: nullable(int),
  trialWorkspaceId: nullable(uuid<WorkspaceId>()),
  /** People in the pool's line who have been given nothing. */
  waiting: count,
  /** Those in it whose agents have yet to answer. */
  unproven: count,
};

/** The pools of a PoolScope. A pool is looked at with every claim: to plan that takes longer than the look itself. */
const ASKED = `(select distinct id from unnest(${unseen('$poolIds::uuid[]')}) as given (id)) as asked`;

/** All rows of the table that belong to them. */
function everyOf(table: string): string {
  return `${ASKED} ${oneByOne(`select * from ${table} where pool_id = asked.id`)}`;
}

// The wanted ids come first: presets and versions pile up with every push, and only those of
// active versions and those with something alive are looked at.
function presetsOf(wanted: string): string {
  return `
    with wanted as materialized (${wanted})
    select l.id as pool_id, l.organization_id, l.paused, l.size_override, l.overrides_schedules,
      l.last_invalidated_at, t.id as template_id, t.name as template, p.id as preset_id,
      p.name as preset, p.version_id, v.name as version, p.desired_instances as desired,
      p.max_instances, p.ttl_seconds, p.timezone, p.schedules, p.status, p.validation_error,
      coalesce(t.active_version_id = p.version_id, false) as using_active_version,
      t.deleted_at is not null as deleted,
      t.deprecated <> '' as deprecated,
      (v.manifest ->> 'unready_grace_seconds')::float8 as unready_grace_seconds,
      (v.manifest ->> 'failed_retention_seconds')::float8 as failed_retention_seconds,
      k.preset_id as brakes_preset_id, k.judged_since, k.limited_at, k.trial_at, k.cooldown_ms,
      k.trial_workspace_id, line.waiting, line.unproven
    from wanted
    cross join lateral (select * from presets where presets.id = wanted.id offset 0) as p
    cross join lateral (
      select * from template_versions where template_versions.id = p.version_id offset 0) as v
    join pools l on l.id = p.pool_id
    join templates t on t.id = l.template_id
    left join pool_brakes k on k.pool_id = l.id
    cross join lateral (
      select count(*) filter (where q.workspace_id is null) as waiting,
        count(q.workspace_id) as unproven
      from waiters q
      where q.pool_id = l.id
        and ${IN_LINE}
    ) as line`;
}

export const readAllPresets = statement({
  name: 'snapshot.presets',
  takes: takes<NoArgs>(),
  gives: presetColumns,
  sql: presetsOf(`
      select p.id
      from templates t
      join presets p on p.version_id = t.active_version_id
      where t.deleted_at is null
        and p.pool_id is not null
      union
      select preset_id from pool_members`),
});

export type PresetRow = RowOf<typeof presetColumns>;

const memberColumns = {
  workspaceId: uuid<WorkspaceId>(),
  poolId: uuid<PoolId>(),
  presetId: uuid<PresetId>(),
  buildNumber: int,
  transition: oneOf<Transition>(),
  bornAt: nullable(instant),
  runningSince: nullable(instant),
  ready: bool,
  /** Null while it is ready. */
  lostAt: nullable(instant),
  broken: nullable(text),
  jobStatus: nullable(oneOf<JobStatus>()),
  attempt: nullable(int),
  completedAt: nullable(instant),
  bySystem: nullable(bool),
  deletes: nullable(int),
};

// Nearly all members run, and theirs are the jobs that need no look. `offset 0` keeps each lookup a
// lookup by key: joined as a whole, the planner may choose to read all jobs there ever were. It also has
// readiness looked up once: those who are ready have lost nothing, and their agents are read no second time.
function membersOf(members: string): string {
  return `
    select m.workspace_id, m.pool_id, m.preset_id, m.build_number, m.transition, m.born_at,
      m.running_since,
      seen.ready,
      case
        when seen.ready then null
        when m.ready then (
          select min(a.last_seen_at + make_interval(secs => a.timeout_seconds))
          from agents a
          where a.workspace_id = m.workspace_id)
        else m.unready_since
      end as lost_at,
      m.broken, j.status as job_status, j.attempt, j.completed_at,
      j.initiator_id = '${PREBUILDS_USER_ID}' as by_system,
      case
        when m.transition = 'delete' and j.status in ('failed', 'canceled') then (
          select count(*)::integer
          from builds b
          where b.workspace_id = m.workspace_id
            and b.transition = 'delete')
        when j.status is not null then 0
      end as deletes
    from ${members} as m
    cross join lateral (select ${READY_NOW} as ready offset 0) as seen
    left join lateral (
      select status, attempt, completed_at, initiator_id
      from jobs
      where jobs.id = m.job_id
        and m.running_since is null
      offset 0
    ) as j on true`;
}

export const readAllMembers = statement({
  name: 'snapshot.members',
  takes: takes<NoArgs>(),
  gives: memberColumns,
  sql: membersOf('pool_members'),
});

export type MemberRow = RowOf<typeof memberColumns>;

const judgedColumns = {
  poolId: uuid<PoolId>(),
  workspaceId: uuid<WorkspaceId>(),
  presetId: uuid<PresetId>(),
  createdAt: instant,
  completedAt: instant,
  failed: bool,
};

function judgedOf(builds: string): string {
  return `
    select b.pool_id, b.workspace_id, b.preset_id, b.created_at, b.completed_at, b.failed
    from ${builds} as b`;
}

// Where nothing failed nothing is braked.
export const readAllJudged = statement({
  name: 'snapshot.judged_builds',
  takes: takes<NoArgs>(),
  gives: judgedColumns,
  sql: judgedOf(`(
      select * from judged_builds
      where pool_id in (select failing.pool_id from judged_builds failing where failing.failed))`),
});

export type JudgedRow = RowOf<typeof judgedColumns>;

export interface PoolRows {
  readonly presets: readonly PresetRow[];
  readonly members: readonly MemberRow[];
  readonly judged: readonly JudgedRow[];
}

/** Nothing is braked where nothing failed, and nothing that runs has turned bad since. */
const MAY_BRAKE = `(
        exists (
          select from ${ASKED}
          ${oneByOne('select from judged_builds where pool_id = asked.id and failed')})
        or exists (
          select from alive where running_since is not null and not ready))`;

export const readRowsOfPools = statement({
  name: 'pool.read',
  takes: takes<PoolScope>(),
  gives: {
    ...momentColumns,
    presets: jsonText<JsonColumns>(),
    members: jsonText<JsonColumns>(),
    judged: jsonText<JsonColumns>(),
  },
  sql: `
    with alive as materialized (${membersOf(everyOf('pool_members'))}
    )
    select ${MOMENT},
      ${rowsAsJson(
        presetColumns,
        presetsOf(`
        select active.id
        from ${ASKED}
        ${oneByOne(`
          select p.id
          from pools l
          join templates t on t.id = l.template_id
          join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
          where l.id = asked.id`)} as active
        union
        select preset_id from alive`),
      )} as presets,
      ${rowsAsJson(memberColumns, 'select * from alive')} as members,
      ${rowsAsJson(
        judgedColumns,
        `${judgedOf(everyOf('judged_builds'))}
        where ${MAY_BRAKE}`,
      )} as judged`,
});

/** These pools' rows, and the moment at which they were so. */
export async function readPoolRows(
  on: Executor,
  scope: PoolScope,
): Promise<PoolRows & { readonly moment: MomentRow }> {
  const { presets, members, judged, ...moment } = await readRowsOfPools.one(on, scope);
  return {
    moment,
    presets: rowsOfJson(presetColumns, presets),
    members: rowsOfJson(memberColumns, members),
    judged: rowsOfJson(judgedColumns, judged),
  };
}
