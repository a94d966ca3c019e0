// What piles up behind a pool in a long life: old versions with their presets, and workspaces that
// were built and deleted long ago.
import type { TestPool } from './factory.ts';
import type { TestStore } from './store.ts';

export interface History {
  readonly workspaces: number;
  readonly versions: number;
}

export async function seedHistory(
  store: TestStore,
  pool: TestPool,
  { workspaces, versions }: History,
): Promise<void> {
  const SYSTEM = '00000000-0000-7000-8000-000000000001';
  await store.sql(
    `with job as (
       insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at,
         completed_at, succeeded)
       select gen_random_uuid(), 'template_version_import', $1, 'null', $2, 2,
         standby_now() - n * interval '1 hour', standby_now(), true
       from generate_series(1, $3::integer) as n
       returning id, created_at
     ), numbered as (
       select id, created_at, row_number() over () as n from job
     ), version as (
       insert into template_versions
         (id, template_id, number, name, message, file_hash, manifest, import_job_id, created_by,
          created_at)
       select gen_random_uuid(), $4, 1000 + n, 'old-' || n, '', v.file_hash, v.manifest,
         numbered.id, $2, numbered.created_at
       from numbered join template_versions v on v.id = $5
       returning id
     )
     insert into presets (id, version_id, pool_id, name, description, desired_instances)
     select gen_random_uuid(), id, $6, $7, '', 5 from version`,
    [
      pool.organizationId,
      SYSTEM,
      versions,
      pool.templateId,
      pool.versionId,
      pool.poolId,
      pool.presetName,
    ],
  );
  await store.sql(
    `with made as materialized (
       select gen_random_uuid() as id, gen_random_uuid() as job_id,
         standby_now() - interval '30 days' + n * interval '1 minute' as at, n
       from generate_series(1, $1::integer) as n
     ), workspace as (
       insert into workspaces (id, organization_id, owner_id, template_id, name, origin, pool_id,
         created_at, updated_at, last_used_at, deleted_at)
       select id, $2, $3, $4, 'old-' || n, 'prebuild', $5, at, at, at, at from made
     ), job as (
       insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at,
         acquired_at, heartbeat_at, completed_at, attempt, succeeded)
       select job_id, 'workspace_build', $2, 'null', $3, 4, at, at, at, at, 1, true from made
     ), agent as (
       insert into agents (id, workspace_id, name, kind, timeout_seconds, created_at)
       select gen_random_uuid(), id, 'main', 'program', 60, at from made
     )
     insert into builds (id, workspace_id, number, transition, version_id, preset_id, initiator_id,
       reason, stage, job_id, created_at)
     select gen_random_uuid(), id, 1, 'start', $6, $7, $3, 'old', 'create', job_id, at from made`,
    [
      workspaces,
      pool.organizationId,
      SYSTEM,
      pool.templateId,
      pool.poolId,
      pool.versionId,
      pool.presetId,
    ],
  );
  await store.sql('analyze');
}
