// Workspaces that pools made, people claimed and deleted long ago, by SQL: what a long life leaves behind.
import type pg from 'pg';
import { createId, type UserId } from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import { KEPT_PER_POOL } from '../../src/store/judged-build.ts';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';
import { writeCounters } from './counters.ts';
import { checkLater } from './foreign-keys.ts';

/** Of one statement. */
const BATCH = 100_000;

/** Spreads them over all pools. */
export async function addHistory(kit: Kit, client: pg.Client, workspaces: number): Promise<void> {
  const userId = createId<UserId>(kit);
  await client.query(
    `insert into users (id, username, display_name, created_at)
     values ($1, 'claimer', 'Claimer', standby_now())`,
    [userId],
  );
  await client.query(
    `insert into memberships (organization_id, user_id, created_at)
     select id, $1, standby_now() from organizations`,
    [userId],
  );
  await checkLater(client, async () => {
    for (let made = 0; made < workspaces; made += BATCH) {
      await bury(client, userId, { from: made + 1, to: Math.min(made + BATCH, workspaces) });
    }
  });
  await client.query(
    `insert into judged_builds (pool_id, workspace_id, preset_id, created_at, completed_at, failed)
     select pool_id, workspace_id, preset_id, created_at, created_at, false
     from (
       select w.pool_id, w.id as workspace_id, b.preset_id, b.created_at,
         row_number() over (partition by w.pool_id order by b.created_at desc) as place
       from workspaces w
       join builds b on b.workspace_id = w.id and b.number = 1
       where w.deleted_at is not null) as old
     where place <= $1 - (
       select count(*) from judged_builds d where d.pool_id = old.pool_id)`,
    [KEPT_PER_POOL],
  );
  await writeCounters(client);
  await client.query('vacuum (analyze)');
}

/** Each was built by its pool, claimed at once, and deleted a minute later. */
async function bury(
  client: pg.Client,
  userId: UserId,
  range: { readonly from: number; readonly to: number },
): Promise<void> {
  await client.query(
    `with preset as materialized (
       select p.id, p.pool_id, p.version_id, t.id as template_id, t.organization_id,
         row_number() over (order by p.id) - 1 as place
       from presets p
       join templates t on t.active_version_id = p.version_id
     ), made as materialized (
       select preset.pool_id, preset.id as preset_id, preset.version_id, preset.template_id,
         preset.organization_id, n, uuidv7() as id, uuidv7() as start_id, uuidv7() as delete_id,
         standby_now() - interval '30 days' + n * interval '1 second' as at
       from generate_series($3::integer, $4::integer) as n
       join preset on preset.place = n % (select count(*) from preset)
     ), workspace as (
       insert into workspaces (id, organization_id, owner_id, template_id, name, origin, pool_id,
         epoch, created_at, updated_at, last_used_at, deleted_at)
       select id, organization_id, $2, template_id, 'old-' || n, 'prebuild', pool_id, 1, at, at, at,
         at + interval '1 minute'
       from made
     ), built as materialized (
       select made.*, start_id as job_id, 1 as number, 'start' as transition, $1::uuid as by,
         4 as class, 'prebuild' as reason, 'create' as stage, at as built_at
       from made
       union all
       select made.*, delete_id, 2, 'delete', $2, 2, 'delete', 'none', at + interval '1 minute'
       from made
     ), job as (
       insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at,
         acquired_at, heartbeat_at, completed_at, attempt, succeeded, log_pruned_at)
       select job_id, 'workspace_build', organization_id, 'null', by, class, built_at, built_at,
         built_at, built_at, 1, true, standby_now()
       from built
     ), build as (
       insert into builds (id, workspace_id, number, transition, version_id, preset_id,
         initiator_id, reason, stage, job_id, outputs, created_at)
       select uuidv7(), id, number, transition, version_id, preset_id, by, reason, stage, job_id,
         case when number = 1 then '{}'::jsonb end, built_at
       from built
     ), agent as (
       insert into agents (id, workspace_id, name, kind, lifecycle, last_seen_at, timeout_seconds,
         applied_epoch, created_at)
       select uuidv7(), id, 'main', 'program', 'off', at, 86400, 1, at from made
     ), claim as (
       insert into claims (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch,
         outcome, stage_ms, at)
       select uuidv7(), organization_id, template_id, $2, pool_id, id, 1, 'hit', '{"resolve": 1}', at
       from made
     )
     insert into pool_events (id, pool_id, kind, workspace_id, at)
     select uuidv7(), pool_id, kind, id, at
     from made
     cross join unnest(array['created', 'claimed']) as kind`,
    [PREBUILDS_USER_ID, userId, range.from, range.to],
  );
}
