// Canaries: prebuilds that no pool has, made to rehearse the claims of a version before it is promoted.
import type {
  JobId,
  OrganizationId,
  PoolId,
  PresetId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import { REHEARSALS_SINCE_PROTOCOL_VERSION } from '../domain/job/protocol.ts';
import { amount, bool, int, json, nullable, text, uuid } from './column.ts';
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
import { DAEMON_FITS_JOB } from './job-fit.ts';
import { lastBuildColumns } from './prebuild.ts';
import { statement, takes, type NoArgs } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

/** The reason of the builds of canaries. */
export const CANARY = 'canary';

/** The presets of a version that ask for pools, by name. */
export const listPooledPresets = statement({
  name: 'canary.list_presets',
  takes: takes<{ readonly versionId: VersionId }>(),
  gives: {
    id: uuid<PresetId>(),
    name: text,
    poolId: uuid<PoolId>(),
    organizationId: uuid<OrganizationId>(),
    parameters: json<Readonly<Record<string, string>>>(),
    /** Of one canary. */
    dailyCost: amount,
    /** Canaries of it that were begun within the last hour. */
    tries: int,
    /** Of its newest rehearsal, when that said nothing or failed. */
    lastError: nullable(text),
    /** A daemon is there that could rehearse with one. */
    isServed: bool,
  },
  sql: `
    select p.id, p.name, p.pool_id, l.organization_id, p.parameters, v.daily_cost,
      (select count(*)::integer
        from builds b
        where b.version_id = v.id
          and b.preset_id = p.id
          and b.number = 1
          and b.reason = '${CANARY}'
          and b.created_at > (select standby_now()) - interval '1 hour') as tries,
      r.error as last_error,
      exists (
        select
        from daemons d
        cross join (
          select l.organization_id, v.manifest ->> 'driver' as driver, v.manifest -> 'tags' as tags,
            ${REHEARSALS_SINCE_PROTOCOL_VERSION} as min_protocol_version, null::text as machine_id) as j
        where ${DAEMON_IS_SEEN}
          and ${DAEMON_FITS_JOB}) as is_served
    from presets p
    join template_versions v on v.id = p.version_id
    join pools l on l.id = p.pool_id
    left join rehearsals r on r.preset_id = p.id
    where p.version_id = $versionId
    order by p.name`,
});

/** Begins the rehearsal of a preset with a canary, in place of one that said nothing. */
export const insertCanary = statement({
  name: 'canary.insert',
  takes: takes<{ readonly presetId: PresetId; readonly workspaceId: WorkspaceId }>(),
  gives: {},
  sql: `
    with canary as (
      insert into canaries (workspace_id, preset_id)
      values ($workspaceId, $presetId)
    )
    insert into rehearsals as r (preset_id, workspace_id)
    values ($presetId, $workspaceId)
    on conflict (preset_id) do update
    set job_id = null,
      workspace_id = excluded.workspace_id,
      outcome = null,
      error = null,
      completed_at = null
    where r.outcome = 'void'`,
});

/** Once the canary is built: queues the job that its rehearsal has waited for. */
export const queueCanaryRehearsal = statement({
  name: 'canary.queue_rehearsal',
  takes: takes<{ readonly workspaceId: WorkspaceId; readonly jobId: JobId }>(),
  gives: { organizationId: uuid<OrganizationId>(), driver: text },
  sql: `
    with begun as (
      update rehearsals r
      set job_id = $jobId::uuid
      where r.workspace_id = $workspaceId
        and r.outcome is null
        and r.job_id is null
      returning r.preset_id, r.job_id
    )
    insert into jobs
      (id, type, organization_id, driver, tags, initiator_id, class, min_protocol_version,
       created_at)
    select begun.job_id, 'rehearsal', t.organization_id, v.manifest ->> 'driver',
      v.manifest -> 'tags', '${PREBUILDS_USER_ID}', 4, ${REHEARSALS_SINCE_PROTOCOL_VERSION},
      standby_now()
    from begun
    join presets p on p.id = begun.preset_id
    join template_versions v on v.id = p.version_id
    join templates t on t.id = v.template_id
    returning organization_id, driver`,
});

/**
 * Takes canaries for deletion whose rehearsal is over, whatever became of it. A delete that failed is
 * tried again after a minute, doubling to an hour, for ever.
 */
export const takeDueCanaries = statement({
  name: 'canary.take_due',
  takes: takes<{ readonly limit: number }>(),
  gives: lastBuildColumns,
  sql: `
    select w.id as workspace_id, w.organization_id, w.machine_id, b.number, b.version_id,
      b.preset_id, b.parameters, j.driver, j.tags
    from canaries c
    join workspaces w on w.id = c.workspace_id
    cross join lateral (
      select *
      from builds
      where builds.workspace_id = w.id
      order by builds.number desc
      limit 1
    ) as b
    join jobs j on j.id = b.job_id
    where w.deleted_at is null
      and j.completed_at is not null
      and not exists (
        select
        from rehearsals r
        where r.workspace_id = w.id
          and r.outcome is null)
      and (b.transition <> 'delete' or j.completed_at < (select standby_now()) - least(
        interval '1 minute' * 2 ^ least(b.number - 2, 10), interval '1 hour'))
    order by w.id
    limit $limit::integer
    for no key update of w skip locked`,
});

/** Forgets those that are gone. */
export const removeGoneCanaries = statement({
  name: 'canary.remove_gone',
  takes: takes<NoArgs>(),
  gives: {},
  sql: `
    delete from canaries c
    using workspaces w
    where w.id = c.workspace_id
      and w.deleted_at is not null`,
});
