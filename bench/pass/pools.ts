// Pools that have all they want, by SQL: rows as the product writes them, with every constraint on, since
// making a hundred thousand workspaces is not what a pass is measured by.
import type pg from 'pg';
import { createId, type OrganizationId } from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import { PREBUILD_PREFIX } from '../../src/domain/name/name.ts';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';
import { sampleManifest } from '../../test/support/manifest.ts';
import { writeCounters } from './counters.ts';

export interface PoolsToFill {
  readonly presets: number;
  /** Of each preset. */
  readonly prebuilds: number;
}

const PRESETS_OF_A_TEMPLATE = 20;
/** The most that a manifest may ask for: agents that are ready now are so until the bench is over. */
const AGENT_TIMEOUT_SECONDS = 86_400;

/** Every preset has a pool of its own, whose prebuilds were all built long enough ago. */
export async function fillPools(
  kit: Kit,
  client: pg.Client,
  { presets, prebuilds }: PoolsToFill,
): Promise<void> {
  const organizationId = createId<OrganizationId>(kit);
  await client.query(
    `insert into organizations (id, name, display_name, created_at)
     values ($1, 'bench', 'Bench', standby_now())`,
    [organizationId],
  );
  await client.query(
    `insert into files (hash, bytes, created_by, created_at)
     values (sha256('x'), 'x', $1, standby_now())`,
    [PREBUILDS_USER_ID],
  );
  await makeTemplates(client, organizationId, presets / PRESETS_OF_A_TEMPLATE);
  await makePresets(client, prebuilds);
  await makePrebuilds(client, prebuilds);
  await writeCounters(client);
  await client.query('vacuum (analyze)'); // as autovacuum would before long
}

async function makeTemplates(
  client: pg.Client,
  organizationId: OrganizationId,
  templates: number,
): Promise<void> {
  const script = { startup: null, startup_timeout_seconds: 600 };
  const claimed = { on_claim: null, on_claim_timeout_seconds: 60 };
  const manifest = sampleManifest({
    agents: [{ name: 'main', ...script, ...claimed }],
    agent_timeout_seconds: AGENT_TIMEOUT_SECONDS,
  });
  await client.query(
    `with made as materialized (
       select n, 'template-' || n as name, uuidv7() as id, uuidv7() as version_id,
         uuidv7() as job_id, standby_now() - interval '60 days' as at
       from generate_series(1, $3::integer) as n
     ), template as (
       insert into templates (id, organization_id, name, created_at, updated_at)
       select id, $1, name, at, at from made
     ), job as (
       insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at,
         acquired_at, heartbeat_at, completed_at, attempt, succeeded)
       select job_id, 'template_version_import', $1, 'null', $2, 2, at, at, at, at, 1, true
       from made
     )
     insert into template_versions
       (id, template_id, number, name, message, file_hash, manifest, import_job_id, created_by,
        created_at)
     select version_id, id, 1, 'v1', '', sha256('x'),
       jsonb_set($4::jsonb, '{name}', to_jsonb(name)), job_id, $2, at
     from made`,
    [organizationId, PREBUILDS_USER_ID, templates, JSON.stringify(manifest)],
  );
  await client.query(
    `update templates t
     set active_version_id = v.id
     from template_versions v
     where v.template_id = t.id`,
  );
}

async function makePresets(client: pg.Client, prebuilds: number): Promise<void> {
  await client.query(
    `insert into pools (id, organization_id, template_id, preset_name, created_at)
     select uuidv7(), organization_id, id, 'preset-' || n, created_at
     from templates
     cross join generate_series(1, ${PRESETS_OF_A_TEMPLATE}) as n`,
  );
  await client.query(
    `insert into presets (id, version_id, pool_id, name, description, desired_instances)
     select uuidv7(), t.active_version_id, l.id, l.preset_name, '', $1
     from pools l
     join templates t on t.id = l.template_id`,
    [prebuilds],
  );
  await client.query(
    `insert into pool_brakes (pool_id, preset_id, judged_since)
     select pool_id, id, standby_now() - interval '60 days' from presets`,
  );
}

async function makePrebuilds(client: pg.Client, prebuilds: number): Promise<void> {
  await client.query(
    `with made as materialized (
       select p.pool_id, p.id as preset_id, p.version_id, t.id as template_id, t.organization_id,
         uuidv7() as id, uuidv7() as job_id, uuidv7() as build_id,
         '${PREBUILD_PREFIX}' || row_number() over () as name,
         standby_now() - interval '1 hour' as at
       from presets p
       join templates t on t.active_version_id = p.version_id
       cross join generate_series(1, $2::integer)
     ), workspace as (
       insert into workspaces (id, organization_id, owner_id, template_id, name, origin, pool_id,
         created_at, updated_at, last_used_at)
       select id, organization_id, $1, template_id, name, 'prebuild', pool_id, at, at, at from made
     ), job as (
       insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at,
         acquired_at, heartbeat_at, completed_at, attempt, succeeded)
       select job_id, 'workspace_build', organization_id, 'null', $1, 4, at, at, at, at, 1, true
       from made
     ), build as (
       insert into builds (id, workspace_id, number, transition, version_id, preset_id,
         initiator_id, reason, stage, job_id, outputs, created_at)
       select build_id, id, 1, 'start', version_id, preset_id, $1, 'prebuild', 'create', job_id,
         '{}', at
       from made
     ), agent as (
       insert into agents (id, workspace_id, name, kind, lifecycle, last_seen_at, timeout_seconds,
         created_at)
       select uuidv7(), id, 'main', 'program', 'ready', standby_now(), ${AGENT_TIMEOUT_SECONDS}, at
       from made
     ), event as (
       insert into pool_events (id, pool_id, kind, workspace_id, at)
       select uuidv7(), pool_id, 'created', id, at from made
     ), judged as (
       insert into judged_builds
         (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
       select pool_id, id, preset_id, at, at, false from made
     )
     insert into pool_members (workspace_id, pool_id, preset_id, version_id, build_number,
       transition, job_id, born_at, running_since, ready)
     select id, pool_id, preset_id, version_id, 1, 'start', job_id, at, at, true from made`,
    [PREBUILDS_USER_ID, prebuilds],
  );
}
