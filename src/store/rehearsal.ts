// Rehearsals of claims: queued with the end of a first good prebuild, and what they have found.
import type {
  DaemonId,
  DataKeyId,
  JobId,
  OrganizationId,
  PoolId,
  PresetId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import { REHEARSALS_SINCE_PROTOCOL_VERSION } from '../domain/job/protocol.ts';
import type { RehearsalOutcome } from '../domain/job/rehearsal.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import { bool, bytes, int, json, nullable, text, uuid } from './column.ts';
import type { TakenBuild } from './job-acquire.ts';
import { statement, takes, type NoArgs } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

/**
 * Queues the rehearsal of a preset unless it has one that says something, or one under way. The row comes
 * first: of two who are at it at the same time, the second finds it and queues nothing.
 */
export const queueRehearsal = statement({
  name: 'rehearsal.queue',
  takes: takes<{
    readonly presetId: PresetId;
    readonly workspaceId: WorkspaceId;
    readonly jobId: JobId;
    readonly drivers: readonly string[];
  }>(),
  gives: { organizationId: uuid<OrganizationId>(), driver: text },
  sql: `
    with wanted as materialized (
      select p.id as preset_id, t.organization_id, v.manifest ->> 'driver' as driver,
        v.manifest -> 'tags' as tags
      from presets p
      join template_versions v on v.id = p.version_id
      join templates t on t.id = v.template_id
      where p.id = $presetId
        and v.manifest ->> 'driver' = any ($drivers::text[])
        and v.manifest ->> 'rehearsal' <> 'off'
        and not exists (
          select
          from rehearsals r
          where r.preset_id = p.id
            and r.outcome is distinct from 'void')
    ), entered as (
      insert into rehearsals as r (preset_id, job_id, workspace_id)
      select preset_id, $jobId::uuid, $workspaceId::uuid
      from wanted
      on conflict (preset_id) do update
      set job_id = excluded.job_id,
        workspace_id = excluded.workspace_id,
        outcome = null,
        error = null,
        completed_at = null
      where r.outcome = 'void'
      returning r.preset_id, r.job_id
    ), queued as (
      insert into jobs
        (id, type, organization_id, driver, tags, initiator_id, class, min_protocol_version,
         created_at)
      select e.job_id, 'rehearsal', w.organization_id, w.driver, w.tags, '${PREBUILDS_USER_ID}', 4,
        ${REHEARSALS_SINCE_PROTOCOL_VERSION}, standby_now()
      from entered e
      join wanted w on w.preset_id = e.preset_id
      returning organization_id, driver
    )
    select organization_id, driver from queued`,
});

/**
 * A running prebuild for each preset of an active version that was not rehearsed, or whose rehearsal said
 * nothing ten minutes ago: a pool that is full may not build another one for days. Takes $drivers.
 */
export const FROM_REHEARSABLE = `
    from templates t
    join template_versions v on v.id = t.active_version_id
    join presets p on p.version_id = v.id
    left join rehearsals r on r.preset_id = p.id
    cross join lateral (
      select m.workspace_id
      from pool_members m
      where m.pool_id = p.pool_id
        and m.preset_id = p.id
        and m.build_number = 1
        and m.running_since is not null
      order by m.workspace_id desc
      limit 1
    ) as running
    where t.deleted_at is null
      and v.manifest ->> 'driver' = any ($drivers::text[])
      and v.manifest ->> 'rehearsal' <> 'off'
      and (r.preset_id is null
        or (r.outcome = 'void'
          and r.completed_at < (select standby_now()) - interval '10 minutes'))`;

export const findRehearsable = statement({
  name: 'rehearsal.find_rehearsable',
  takes: takes<{ readonly drivers: readonly string[]; readonly limit: number }>(),
  gives: { presetId: uuid<PresetId>(), driver: text, workspaceId: uuid<WorkspaceId>() },
  sql: `
    select p.id as preset_id, v.manifest ->> 'driver' as driver, running.workspace_id
    ${FROM_REHEARSABLE}
    order by p.id
    limit $limit::integer`,
});

/** Who claims in a rehearsal: nobody there is. */
const CLAIMANT = `
        'name', 'rehearsal',
        'ownerId', '00000000-0000-7000-8000-000000000002',
        'username', 'rehearsal',
        'displayName', 'Rehearsal',
        'email', 'rehearsal@example.com',
        'ownerIsSystem', false`;

/** What a rehearsal is about: the version, and the build by which the claimant would take the prebuild. */
export const findRehearsedBuild = statement({
  name: 'rehearsal.find_build',
  takes: takes<{ readonly jobId: JobId }>(),
  gives: {
    template: text,
    versionId: uuid<VersionId>(),
    fileHash: text,
    manifest: json<unknown>(),
    build: nullable(json<TakenBuild>()),
  },
  sql: `
    select t.name as template, v.id as version_id, encode(v.file_hash, 'hex') as file_hash,
      v.manifest,
      case when b.id is not null then jsonb_build_object(
        'workspaceId', w.id,
        'organization', o.name,
${CLAIMANT},
        'epoch', w.epoch + 1,
        'transition', 'start',
        'stage', 'claim',
        'number', b.number + 1,
        'parameters', b.parameters,
        'secretParametersId', b.secret_parameters_id) end as build
    from rehearsals r
    join presets p on p.id = r.preset_id
    join template_versions v on v.id = p.version_id
    join templates t on t.id = v.template_id
    join organizations o on o.id = t.organization_id
    left join workspaces w on w.id = r.workspace_id
    left join builds b on b.workspace_id = r.workspace_id and b.number = 1
    where r.job_id = $jobId`,
});

/** Nobody has claimed the prebuild that `r` is about, and no other build of it was begun. */
const IS_STILL_THERE = `(
      exists (
        select
        from pool_members m
        where m.workspace_id = r.workspace_id
          and m.build_number = 1)
      or exists (
        select
        from canaries c
        where c.workspace_id = r.workspace_id
          and not exists (
            select
            from builds b
            where b.workspace_id = c.workspace_id
              and b.number > 1)))`;

/** The state that a daemon's running rehearsal plans on, and whether it may. */
export const findRehearsedState = statement({
  name: 'rehearsal.find_state',
  takes: takes<{ readonly jobId: JobId; readonly attempt: number; readonly daemonId: DaemonId }>(),
  gives: {
    workspaceId: uuid<WorkspaceId>(),
    isStillThere: bool,
    /** Null: the prebuild has none. */
    state: nullable(int),
    keyId: nullable(uuid<DataKeyId>()),
    sealed: nullable(bytes),
  },
  sql: `
    select r.workspace_id, ${IS_STILL_THERE} as is_still_there,
      s.lock_number as state, s.key_id, s.sealed
    from rehearsals r
    join jobs j on j.id = r.job_id
    left join lateral (
      select lock_number, key_id, sealed
      from workspace_states
      where workspace_id = r.workspace_id
      order by number desc
      limit 1
    ) as s on true
    where j.id = $jobId
      and j.attempt = $attempt
      and j.daemon_id = $daemonId
      and j.status in ('running', 'canceling')`,
});

/** What a rehearsal that ends is about. */
export const findRehearsal = statement({
  name: 'rehearsal.find',
  takes: takes<{ readonly jobId: JobId }>(),
  gives: {
    presetId: uuid<PresetId>(),
    poolId: nullable(uuid<PoolId>()),
    workspaceId: uuid<WorkspaceId>(),
    isStillThere: bool,
  },
  sql: `
    select r.preset_id, p.pool_id, r.workspace_id, ${IS_STILL_THERE} as is_still_there
    from rehearsals r
    join presets p on p.id = r.preset_id
    where r.job_id = $jobId`,
});

export const finishRehearsal = statement({
  name: 'rehearsal.finish',
  takes: takes<{
    readonly jobId: JobId;
    readonly outcome: RehearsalOutcome;
    readonly findings: string;
    readonly error: string | null;
  }>(),
  gives: {},
  sql: `
    update rehearsals
    set outcome = $outcome,
      findings = $findings::jsonb,
      error = $error,
      completed_at = (select standby_now())
    where job_id = $jobId
      and outcome is null`,
});

/** Rehearsal `r` is open, and nobody is left who would end it. */
export const IS_STRANDED = `(
  r.outcome is null
  and case
    when r.job_id is not null then exists (
      select
      from jobs j
      where j.id = r.job_id
        and j.completed_at is not null)
    -- It waits for a canary to be built.
    else not exists (
      select
      from builds b
      join jobs j on j.id = b.job_id
      where b.workspace_id = r.workspace_id
        and b.number = 1
        and j.completed_at is null)
  end)`;

/** Whoever ends a job ends its rehearsal with it: what is found was left by an older release, or by hand. */
export const voidStranded = statement({
  name: 'rehearsal.void_stranded',
  takes: takes<NoArgs>(),
  gives: {},
  sql: `
    update rehearsals r
    set outcome = 'void',
      error = 'what it waited for ended without it',
      completed_at = (select standby_now())
    where ${IS_STRANDED}`,
});

/** The canary was not built. */
export const failCanaryRehearsal = statement({
  name: 'rehearsal.fail_canary',
  takes: takes<{
    readonly workspaceId: WorkspaceId;
    readonly outcome: RehearsalOutcome;
    readonly error: string | null;
  }>(),
  gives: {},
  sql: `
    update rehearsals
    set outcome = $outcome,
      error = $error,
      completed_at = (select standby_now())
    where workspace_id = $workspaceId
      and outcome is null`,
});

/** As it is read with the preset that it is of. */
export interface RehearsalRow {
  readonly preset: string;
  readonly wish: 'report' | 'refuse' | 'off';
  readonly driver: string;
  readonly isBegun: boolean;
  readonly outcome: RehearsalOutcome | null;
  readonly findings: readonly Replacement[];
  readonly error: string | null;
  readonly jobId: JobId | null;
  /** RFC 3339, as PostgreSQL writes it into JSON. */
  readonly completedAt: string | null;
}

/** One as JSON, of preset `p` of version `v`. */
export const REHEARSAL_OF_PRESET = `(
      select jsonb_build_object(
        'preset', p.name,
        'wish', v.manifest ->> 'rehearsal',
        'driver', v.manifest ->> 'driver',
        'isBegun', r.preset_id is not null,
        'outcome', r.outcome,
        'findings', coalesce(r.findings, '[]'),
        'error', r.error,
        'jobId', r.job_id,
        'completedAt', r.completed_at)
      from (select) as one
      left join rehearsals r on r.preset_id = p.id)`;
