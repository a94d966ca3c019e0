// Writing workspaces, builds with their jobs and their count, and agents: one statement for any number.
// What a row means is decided by the callers; nothing here looks at the world.
import type {
  AgentId,
  OrganizationId,
  PoolId,
  TemplateId,
  UserId,
  WorkspaceId,
} from '../base/id.ts';
import { SECRETS_SINCE_PROTOCOL_VERSION } from '../domain/job/protocol.ts';
import { LIFE_REASONS, type GrantedLife } from '../domain/workspace/life.ts';
import { admitBuilds } from './build-admission.ts';
import { protocolVersionOf } from './job-fit.ts';
import type { NewBuild } from './new-build.ts';
import { asJson, statement, takes, type Deferring, type Executor } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

export interface NewWorkspace {
  readonly id: WorkspaceId;
  readonly organizationId: OrganizationId;
  readonly ownerId: UserId;
  readonly templateId: TemplateId;
  readonly name: string;
  readonly origin: 'prebuild' | 'user';
  /** Of a prebuild only. */
  readonly poolId: PoolId | null;
  /** 0 while nobody owns it. */
  readonly epoch: number;
  /** The pool's own are granted nothing yet. */
  readonly granted?: GrantedLife;
}

export interface NewAgent {
  readonly id: AgentId;
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly kind: 'program' | 'check';
  readonly timeoutSeconds: number;
}

const insertWorkspaceRows = statement({
  name: 'workspace.insert',
  takes: takes<{ readonly rows: string }>(),
  gives: {},
  sql: `
    insert into workspaces
      (id, organization_id, owner_id, template_id, name, origin, pool_id, epoch, created_at,
       updated_at, last_used_at, ttl_seconds, lifetime_ends_at, idle_stop_seconds,
       dormant_after_seconds, delete_dormant_after_seconds, due_at)
    select r.id, r."organizationId", r."ownerId", r."templateId", r.name, r.origin, r."poolId",
      r.epoch, clock.now, clock.now, clock.now, g."ttlSeconds",
      clock.now + make_interval(secs => g."lifetimeSeconds"), g."idleStopSeconds",
      g."dormantAfterSeconds", g."deleteDormantAfterSeconds",
      -- What limits a run is looked at when the first build has ended.
      clock.now + make_interval(secs => least(g."lifetimeSeconds", g."dormantAfterSeconds"))
    from jsonb_to_recordset($rows::jsonb) as r (
      id uuid, "organizationId" uuid, "ownerId" uuid, "templateId" uuid, name text, origin text,
      "poolId" uuid, epoch integer, granted jsonb)
    cross join lateral jsonb_to_record(coalesce(r.granted, '{}')) as g (
      "ttlSeconds" integer, "lifetimeSeconds" integer, "idleStopSeconds" integer,
      "dormantAfterSeconds" integer, "deleteDormantAfterSeconds" integer)
    cross join (select standby_now() as now) as clock`,
});

/** Of builds that nobody asked for: texts of SQL. */
const LIFE = Object.keys(LIFE_REASONS)
  .map((reason) => `'${reason}'`)
  .join(', ');

// The job's and the build's rows belong together: neither exists without the other.
const insertBuildRows = statement({
  name: 'build.insert',
  takes: takes<{ readonly rows: string }>(),
  gives: {},
  sql: `
    with given as materialized (
      select *
      from jsonb_to_recordset($rows::jsonb) as r (
        id uuid, "jobId" uuid, "workspaceId" uuid, "organizationId" uuid, number integer,
        transition text, stage text, reason text, "versionId" uuid, "presetId" uuid,
        "initiatorId" uuid, parameters jsonb, "secretParametersId" uuid, driver text,
        tags jsonb, "machineId" text, "jobClass" smallint)
      cross join (select standby_now() as now) as clock
    ), queued as (
      insert into jobs
        (id, type, organization_id, driver, tags, machine_id, initiator_id, class,
         min_protocol_version, created_at)
      select g."jobId", 'workspace_build', g."organizationId", g.driver, g.tags, g."machineId",
        g."initiatorId", g."jobClass",
        greatest(
          case when g."secretParametersId" is null then 1 else ${SECRETS_SINCE_PROTOCOL_VERSION} end,
          -- Who starts it has to keep its sandbox and limits; to stop or delete it takes neither.
          case g.transition when 'start' then ${protocolVersionOf('v.manifest')} else 1 end),
        g.now
      from given g
      left join template_versions v on v.id = g."versionId"
    ), counted as (
      insert into counter_steps (counter, labels, amount)
      select 'builds_enqueued',
        jsonb_build_object(
          'kind', case
            when "initiatorId" = '${PREBUILDS_USER_ID}' then 'pool'
            when stage = 'claim' then 'claim'
            when reason in (${LIFE}) then 'life'
            else 'person'
          end,
          'transition', transition,
          'reason', reason,
          'status', 'queued') as labels,
        count(*)
      from given
      group by labels
    )
    insert into builds
      (id, workspace_id, number, transition, version_id, preset_id, initiator_id, reason, stage,
       job_id, parameters, secret_parameters_id, daily_cost, created_at)
    select g.id, g."workspaceId", g.number, g.transition, g."versionId", g."presetId",
      g."initiatorId", g.reason, g.stage, g."jobId", g.parameters, g."secretParametersId",
      coalesce(case g.transition
        when 'start' then v.daily_cost
        -- What a stop or a delete is to end costs what it did, until that has succeeded.
        else (
          select f.daily_cost
          from builds f
          where f.workspace_id = g."workspaceId" and f.number = g.number - 1)
      end, 0),
      g.now
    from given g
    left join template_versions v on v.id = g."versionId"`,
});

const insertAgentRows = statement({
  name: 'agent.insert',
  takes: takes<{ readonly rows: string }>(),
  gives: {},
  sql: `
    insert into agents (id, workspace_id, name, kind, timeout_seconds, created_at)
    select r.id, r."workspaceId", r.name, r.kind, r."timeoutSeconds", standby_now()
    from jsonb_to_recordset($rows::jsonb) as r (
      id uuid, "workspaceId" uuid, name text, kind text, "timeoutSeconds" integer)`,
});

export function insertWorkspaces(tx: Deferring, workspaces: readonly NewWorkspace[]): void {
  if (workspaces.length > 0) insertWorkspaceRows.later(tx, { rows: asJson(workspaces) });
}

/**
 * Inserts builds and the jobs that do them, once they are admitted. A build number that is taken breaks
 * builds_workspace_id_number_key, and with it what the transaction does next.
 */
export async function insertBuilds(
  tx: Executor & Deferring,
  builds: readonly NewBuild[],
): Promise<void> {
  if (builds.length === 0) return;
  await admitBuilds(tx, builds);
  insertBuildRows.later(tx, { rows: asJson(builds) });
}

export function insertAgents(tx: Deferring, agents: readonly NewAgent[]): void {
  if (agents.length > 0) insertAgentRows.later(tx, { rows: asJson(agents) });
}

/** Those of a version that takes the place of another one: who has the same name stays. */
const replaceAgentRows = statement({
  name: 'agent.replace',
  takes: takes<{ readonly workspaceId: WorkspaceId; readonly rows: string }>(),
  gives: {},
  sql: `
    with given as materialized (
      select *
      from jsonb_to_recordset($rows::jsonb) as r (
        id uuid, "workspaceId" uuid, name text, kind text, "timeoutSeconds" integer)
    ), gone as (
      delete from agents
      where workspace_id = $workspaceId
        and name not in (select name from given)
    )
    insert into agents (id, workspace_id, name, kind, timeout_seconds, created_at)
    select id, "workspaceId", name, kind, "timeoutSeconds", standby_now()
    from given
    on conflict (workspace_id, name) do update
    set kind = excluded.kind,
      timeout_seconds = excluded.timeout_seconds`,
});

export async function replaceAgents(
  on: Executor,
  workspaceId: WorkspaceId,
  agents: readonly NewAgent[],
): Promise<void> {
  await replaceAgentRows.run(on, { workspaceId, rows: asJson(agents) });
}
