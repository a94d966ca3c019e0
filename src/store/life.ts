// What becomes of workspaces by themselves: finding those that something is due for, and locking one to decide.
import type { Instant } from '../base/clock.ts';
import type { OrganizationId, UserId, WorkspaceId } from '../base/id.ts';
import type { AutomaticUpdates } from '../domain/workspace/automatic-updates.ts';
import type { GrantedLife } from '../domain/workspace/life.ts';
import type { StartSchedule } from '../domain/schedule/next-start.ts';
import { bool, count, instant, int, json, nullable, oneOf, text, uuid } from './column.ts';
import { statement, takes } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { unseen } from './unseen.ts';
import { OWNER_ACTIVE } from './workspace.ts';

/** Columns of `workspaces`, by what they keep. */
const GRANTED: { readonly [K in keyof GrantedLife]: string } = {
  ttlSeconds: 'ttl_seconds',
  lifetimeSeconds: 'lifetime_seconds',
  idleStopSeconds: 'idle_stop_seconds',
  dormantAfterSeconds: 'dormant_after_seconds',
  deleteDormantAfterSeconds: 'delete_dormant_after_seconds',
};

/** Names of what was granted, for a list of columns. */
export const GRANTED_NAMES = Object.values(GRANTED).join(', ');

/** The arrays with what was granted to each of many, in the order of the names. */
export const GRANTED_ARRAYS = Object.keys(GRANTED)
  .map((key) => unseen(`$${key}::integer[]`))
  .join(', ');

/** What was granted to each of many. */
export type GrantedArgs = { readonly [K in keyof GrantedLife]: readonly (number | null)[] };

export function grantedArgs(lives: readonly GrantedLife[]): GrantedArgs {
  return {
    ttlSeconds: lives.map(({ ttlSeconds }) => ttlSeconds),
    lifetimeSeconds: lives.map(({ lifetimeSeconds }) => lifetimeSeconds),
    idleStopSeconds: lives.map(({ idleStopSeconds }) => idleStopSeconds),
    dormantAfterSeconds: lives.map(({ dormantAfterSeconds }) => dormantAfterSeconds),
    deleteDormantAfterSeconds: lives.map((life) => life.deleteDormantAfterSeconds),
  };
}

/**
 * For `update workspaces … set`: a person has it from now on, with what `g` grants. The time to live counts from here
 * where no build follows, and again from the end of each start. One moment for all that counts from it, since a limit
 * must not lie a millisecond before another.
 */
export const START_OF_LIFE = `
          ttl_seconds = g.ttl_seconds,
          deadline_at = case
            when g.ttl_seconds is not null
              -- What is unlimited is least of nothing.
              then g.now + make_interval(secs => least(g.ttl_seconds, g.lifetime_seconds))
          end,
          lifetime_ends_at = g.now + make_interval(secs => g.lifetime_seconds),
          idle_stop_seconds = g.idle_stop_seconds,
          dormant_after_seconds = g.dormant_after_seconds,
          delete_dormant_after_seconds = g.delete_dormant_after_seconds,
          due_at = g.now + make_interval(secs => least(
            g.ttl_seconds, g.lifetime_seconds, g.idle_stop_seconds, g.dormant_after_seconds))`;

interface Built {
  /** Of SQL. */
  readonly transition: string;
  readonly succeeded: string;
}

/**
 * For `update workspaces … set`: a build of it has ended. A start that failed has a deadline like any other, as
 * something of it may run. Whoever waited for the end to decide looks again.
 */
export function lifeAfterBuild({ transition, succeeded }: Built): string {
  return `deadline_at = case
        when ${transition} = 'start' and ttl_seconds is not null then least(
          (select standby_now()) + make_interval(secs => ttl_seconds), lifetime_ends_at)
        when ${transition} <> 'start' and ${succeeded} then null
        else deadline_at
      end,
      due_at = case
        when ${transition} = 'delete' and ${succeeded} then null
        when num_nonnulls(ttl_seconds, deadline_at, lifetime_ends_at, autostart_schedule,
          idle_stop_seconds, dormant_after_seconds, dormant_at) > 0
          then (select standby_now())
      end`;
}

/** Uses workspaces_due_at_idx: what is not due costs nothing. */
export const findDueWorkspaces = statement({
  name: 'life.find_due',
  takes: takes<{ readonly limit: number }>(),
  gives: { id: uuid<WorkspaceId>() },
  sql: `
    select id
    from workspaces
    where due_at <= (select standby_now())
    order by due_at
    limit $limit::integer`,
});

const lifeColumns = {
  organizationId: uuid<OrganizationId>(),
  ownerId: uuid<UserId>(),
  machineId: nullable(text),
  epoch: int,
  ttlSeconds: nullable(int),
  deadlineAt: nullable(instant),
  lifetimeEndsAt: nullable(instant),
  autostart: nullable(json<StartSchedule>()),
  nextStartAt: nullable(instant),
  lastUsedAt: instant,
  idleStopSeconds: nullable(int),
  dormantAfterSeconds: nullable(int),
  deleteDormantAfterSeconds: nullable(int),
  dormantAt: nullable(instant),
  automaticUpdates: oneOf<AutomaticUpdates>(),
  mayStart: bool,
  now: instant,
};

/** On `workspaces`: when it is started, and in which zone; null: not by itself. */
export const AUTOSTART = `case when autostart_schedule is not null then
      jsonb_build_object('cron', autostart_schedule, 'timezone', autostart_timezone)
    end`;

const LIFE = `
  select organization_id, owner_id, machine_id, epoch, ttl_seconds, deadline_at, lifetime_ends_at,
    ${AUTOSTART} as autostart, next_start_at, last_used_at, idle_stop_seconds,
    dormant_after_seconds, delete_dormant_after_seconds, dormant_at, automatic_updates,
    not exists (
      select from templates t where t.id = template_id and t.deleted_at is not null
    ) and ${OWNER_ACTIVE} as may_start,
    (select standby_now()) as now
  from workspaces`;

/**
 * Locks one that something is due for, if it still is a person's and nobody else has it: whoever has may well
 * change what is due. The pool's own have no life of their own.
 */
export const lockDueWorkspace = statement({
  name: 'life.lock_due',
  takes: takes<{ readonly id: WorkspaceId }>(),
  gives: lifeColumns,
  sql: `
    ${LIFE}
    where id = $id
      and due_at <= (select standby_now())
      and deleted_at is null
      and owner_id <> '${PREBUILDS_USER_ID}'
    for no key update skip locked`,
});

/** Locks one for its owner's change. */
export const lockLife = statement({
  name: 'life.lock',
  takes: takes<{ readonly id: WorkspaceId }>(),
  gives: lifeColumns,
  sql: `
    ${LIFE}
    where id = $id
      and deleted_at is null
    for no key update`,
});

/** How many of the latest build's kind have failed, back to one that succeeded or was of another kind. */
export const countFailedTries = statement({
  name: 'life.count_failed_tries',
  takes: takes<{ readonly workspaceId: WorkspaceId }>(),
  gives: { tries: count },
  sql: `
    select (
        select count(*)
        from builds b
        join jobs j on j.id = b.job_id
        where b.workspace_id = $workspaceId
          and j.status = 'failed'
          and b.number > coalesce((
            select max(o.number)
            from builds o
            join jobs p on p.id = o.job_id
            where o.workspace_id = $workspaceId
              and (p.status = 'succeeded' or o.transition <> latest.transition)), 0)
      ) as tries
    from builds latest
    where latest.workspace_id = $workspaceId
    order by latest.number desc
    limit 1`,
});

/** What was decided: when to look at it next. Nothing where it has changed hands or is gone. */
export const setDue = statement({
  name: 'life.set_due',
  takes: takes<{
    readonly id: WorkspaceId;
    readonly epoch: number;
    readonly nextStartAt: Instant | null;
    readonly dormantAt: Instant | null;
    readonly dueAt: Instant | null;
  }>(),
  gives: {},
  sql: `
    update workspaces
    set next_start_at = to_timestamp($nextStartAt::float8 / 1000),
      dormant_at = to_timestamp($dormantAt::float8 / 1000),
      due_at = to_timestamp($dueAt::float8 / 1000)
    where id = $id
      and epoch = $epoch
      and deleted_at is null`,
});

/** One that could not be looked at holds up nobody behind it. */
export const putOff = statement({
  name: 'life.put_off',
  takes: takes<{ readonly id: WorkspaceId; readonly delayMs: number }>(),
  gives: {},
  sql: `
    update workspaces
    set due_at = (select standby_now()) + make_interval(secs => $delayMs::float8 / 1000)
    where id = $id
      and due_at <= (select standby_now())`,
});

/** It is shown until there is a build after it, or its owner changes its life. The caller has locked it. */
export const noteRefusedStart = statement({
  name: 'life.note_refused_start',
  takes: takes<{
    readonly id: WorkspaceId;
    /** A StartRefusal as JSON. */
    readonly refusal: string;
    /** Until it is tried again. */
    readonly delayMs: number;
  }>(),
  gives: {},
  sql: `
    update workspaces
    set start_refused_at = (select standby_now()),
      start_refusal = $refusal::jsonb,
      due_at = (select standby_now()) + make_interval(secs => $delayMs::float8 / 1000)
    where id = $id
      and deleted_at is null`,
});

/** What its owner makes of it; it is looked at again at once. */
export const setLife = statement({
  name: 'life.set',
  takes: takes<{
    readonly id: WorkspaceId;
    readonly epoch: number;
    readonly ttlSeconds: number | null;
    readonly deadlineAt: Instant | null;
    readonly cron: string | null;
    readonly timezone: string | null;
    readonly nextStartAt: Instant | null;
    readonly dormantAt: Instant | null;
  }>(),
  gives: {},
  sql: `
    update workspaces
    set ttl_seconds = $ttlSeconds::integer,
      deadline_at = to_timestamp($deadlineAt::float8 / 1000),
      autostart_schedule = $cron::text,
      autostart_timezone = $timezone::text,
      next_start_at = to_timestamp($nextStartAt::float8 / 1000),
      dormant_at = to_timestamp($dormantAt::float8 / 1000),
      start_refused_at = null,
      start_refusal = null,
      due_at = (select standby_now()),
      updated_at = (select standby_now()),
      last_used_at = (select standby_now())
    where id = $id
      and epoch = $epoch
      and deleted_at is null`,
});

/** The caller has locked it. */
export const setAutomaticUpdates = statement({
  name: 'life.set_automatic_updates',
  takes: takes<{ readonly id: WorkspaceId; readonly automaticUpdates: AutomaticUpdates }>(),
  gives: {},
  sql: `
    update workspaces
    set automatic_updates = $automaticUpdates
    where id = $id
      and deleted_at is null`,
});

/**
 * Somebody uses it. At most once in a minute: nothing is limited more closely than that, and who reports often costs
 * nothing. What is due is not moved: who looks then sees that it was used.
 */
export const recordUse = statement({
  name: 'life.record_use',
  takes: takes<{ readonly id: WorkspaceId }>(),
  gives: {},
  sql: `
    update workspaces
    set last_used_at = (select standby_now())
    where id = $id
      and last_used_at <= (select standby_now()) - interval '1 minute'
      and deleted_at is null
      and owner_id <> '${PREBUILDS_USER_ID}'`,
});
