// What the pool does to its prebuilds, many at a time. Every write carries its precondition, since
// claims do not take the pool's lock. Rows are locked in the order: pool member, workspace, job.
import type {
  JobId,
  OrganizationId,
  PoolId,
  PresetId,
  VersionId,
  WorkspaceId,
} from '../base/id.ts';
import { int, json, nullable, text, uuid, type RowOf } from './column.ts';
import { statement, takes } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

export const lastBuildColumns = {
  workspaceId: uuid<WorkspaceId>(),
  organizationId: uuid<OrganizationId>(),
  machineId: nullable(text),
  number: int,
  versionId: uuid<VersionId>(),
  presetId: nullable(uuid<PresetId>()),
  parameters: json<Readonly<Record<string, string>>>(),
  driver: text,
  tags: json<Readonly<Record<string, string>>>(),
};

/** What a delete build continues from. */
export type LastBuild = RowOf<typeof lastBuildColumns>;

/**
 * Takes workspaces for deletion that are still unclaimed and whose latest build is still the given
 * one. No row for one of them: it was claimed or built meanwhile, which is harmless.
 */
export const takeForDelete = statement({
  name: 'prebuild.take_for_delete',
  takes: takes<{ readonly rows: string }>(),
  gives: lastBuildColumns,
  sql: `
    with locked as materialized (
      select m.workspace_id, m.build_number
      from pool_members m
      join jsonb_to_recordset($rows::jsonb) as r ("workspaceId" uuid, "buildNumber" integer)
        on r."workspaceId" = m.workspace_id and r."buildNumber" = m.build_number
      order by m.workspace_id
      for update of m
    ), taken as (
      update workspaces w
      set updated_at = (select standby_now())
      from locked
      where w.id = locked.workspace_id
        and w.owner_id = '${PREBUILDS_USER_ID}'
        and w.deleted_at is null
        and locked.build_number = (
          select max(b.number) from builds b where b.workspace_id = w.id)
      returning w.id, w.organization_id, w.machine_id, locked.build_number
    )
    select taken.id as workspace_id, taken.organization_id, taken.machine_id, b.number,
      b.version_id, b.preset_id, b.parameters, j.driver, j.tags
    from taken
    join builds b on b.workspace_id = taken.id and b.number = taken.build_number
    join jobs j on j.id = b.job_id`,
});

/** The pool of a prebuild that nobody has claimed. It may be claimed as soon as this was read. */
export const findUnclaimed = statement({
  name: 'prebuild.find_unclaimed',
  takes: takes<{ readonly id: WorkspaceId }>(),
  gives: { poolId: uuid<PoolId>() },
  sql: `
    select pool_id
    from workspaces
    where id = $id
      and owner_id = '${PREBUILDS_USER_ID}'
      and deleted_at is null`,
});

/**
 * Locks the newest first builds of a preset that nobody has taken, at most `limit`. Waits for an
 * acquisition that is under way, and leaves out what it took.
 */
export const lockPendingStarts = statement({
  name: 'prebuild.lock_pending_starts',
  takes: takes<{ readonly presetId: PresetId; readonly limit: number }>(),
  gives: { ...lastBuildColumns, jobId: uuid<JobId>() },
  sql: `
    select w.id as workspace_id, w.organization_id, w.machine_id, b.number, b.version_id,
      b.preset_id, b.parameters, j.driver, j.tags, j.id as job_id
    from pool_members m
    join workspaces w on w.id = m.workspace_id
    join jobs j on j.id = m.job_id
    join builds b on b.job_id = j.id
    -- By the pool, which has an index.
    where m.pool_id = (select p.pool_id from presets p where p.id = $presetId)
      and m.preset_id = $presetId
      and m.transition = 'start'
      and m.build_number = 1
      and w.owner_id = '${PREBUILDS_USER_ID}'
      and j.status = 'pending'
      and j.attempt = 0
      and j.initiator_id = '${PREBUILDS_USER_ID}'
    order by j.created_at desc, j.id desc
    limit $limit
    for update of m, w, j`,
});

/** Ends pending jobs as canceled, and the delete jobs that go with them as done: nothing was built. */
export const cancelPendingJobs = statement({
  name: 'prebuild.cancel_pending_jobs',
  takes: takes<{
    readonly canceled: readonly JobId[];
    readonly deletes: readonly JobId[];
  }>(),
  gives: {},
  sql: `
    update jobs
    set completed_at = (select standby_now()),
      canceled_at = case when id = any ($canceled::uuid[]) then (select standby_now()) end,
      succeeded = id = any ($deletes::uuid[])
    where id = any ($canceled::uuid[])
      or id = any ($deletes::uuid[])`,
});

export const markWorkspacesDeleted = statement({
  name: 'workspace.mark_deleted',
  takes: takes<{ readonly workspaceIds: readonly WorkspaceId[] }>(),
  gives: {},
  sql: `
    update workspaces
    set deleted_at = (select standby_now()),
      updated_at = (select standby_now())
    where id = any ($workspaceIds::uuid[])`,
});
