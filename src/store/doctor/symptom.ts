// What may be so for a while and should not stay: somebody has to look, though nothing is broken.
import { STUCK_AFTER_TRIES } from '../../domain/pool/housekeeping.ts';
import { AWAITED_DAYS, HAS_OPEN_STRAY } from '../awaited-stray.ts';
import { DAEMON_IS_SEEN } from '../daemon-seen.ts';
import { FRESH_SINCE } from '../live-pool/fresh-since.ts';
import { READY_NOW } from '../live-pool/ready-now.ts';
import { PREBUILD_SETTINGS } from '../settings.ts';
import { PREBUILDS_USER_ID } from '../system-user.ts';
import { check, type Check } from './check.ts';

export const SYMPTOMS: readonly Check[] = [
  check({
    id: 'waiter.overdue',
    title: 'somebody waits for a prebuild although the deadline passed over five minutes ago',
    remedy: 'Nobody keeps the deadlines: start a control plane, or see its log.',
    sql: `
      select id::text
      from waiters
      where ended_at is null
        and deadline_at < (select standby_now()) - interval '5 minutes'`,
  }),
  check({
    id: 'waiter.overlooked',
    title: 'somebody waits for over five minutes while a prebuild of the pool can be handed over',
    remedy: 'Its pool gets no turn: start a control plane, or look for the pool in its log.',
    sql: `
      select q.id::text
      from waiters q
      join pools l on l.id = q.pool_id
      join templates t on t.id = l.template_id
      join presets p on p.version_id = t.active_version_id and p.pool_id = l.id
      where q.ended_at is null
        and q.workspace_id is null
        and q.created_at < (select standby_now()) - interval '5 minutes'
        and exists (
          select
          from pool_members m
          where m.preset_id = p.id
            and m.running_since < (select standby_now()) - interval '5 minutes'
            and ${READY_NOW}
            and (m.born_at < ${FRESH_SINCE}) is not true)`,
  }),
  check({
    id: 'brakes.stale',
    title: 'a pool is limited for over five minutes although its newest build did not fail',
    remedy: 'Its pool gets no turn: start a control plane, or look for the pool in its log.',
    // How many failures limit a pool is configured where control planes run, and not known here. But
    // whatever it is, the newest build has failed, and a pool that is not held may be one failure short.
    sql: `
      select k.pool_id::text
      from pool_brakes k
      join pools l on l.id = k.pool_id and not l.paused
      join presets p on p.id = k.preset_id and p.desired_instances is not null
      join templates t on t.active_version_id = p.version_id
        and t.deprecated = ''
        and t.deleted_at is null
      left join lateral (
        select d.failed, d.completed_at
        from judged_builds d
        where d.pool_id = k.pool_id
          and d.preset_id = k.preset_id
          and d.created_at >= k.judged_since
        order by d.created_at desc, d.workspace_id desc
        limit 1
      ) as newest on true
      where k.limited_at < (select standby_now()) - interval '5 minutes'
        and newest.failed is not true
        and (newest.completed_at > (select standby_now()) - interval '5 minutes') is not true
        and not exists (
          select
          from settings
          where name = '${PREBUILD_SETTINGS}'
            and value ->> 'reconciliation_paused' is distinct from 'false')`,
  }),
  check({
    id: 'delete.stuck',
    title: 'a prebuild cannot be deleted, however often it is tried',
    remedy:
      '`standby pool show` has the reason, `standby job logs` the whole story; what is repaired is tried again within the hour.',
    sql: `
      select m.workspace_id::text
      from pool_members m
      join jobs j on j.id = m.job_id
      where m.transition = 'delete'
        and j.status in ('failed', 'canceled')
        and (
          select count(*)
          from builds b
          where b.workspace_id = m.workspace_id
            and b.transition = 'delete') >= ${STUCK_AFTER_TRIES}`,
  }),
  check({
    id: 'stray.open',
    title: 'what an overtaken build made is known for over an hour and not destroyed',
    remedy: 'See the log of its newest job; it needs a daemon of the driver that made it.',
    sql: `
      select id::text
      from stray_states
      where destroyed_at is null
        and created_at < (select standby_now()) - interval '1 hour'`,
  }),
  check({
    id: 'secret_parameters.left',
    title: 'values of sensitive parameters are kept although their workspace is gone for a month',
    remedy: 'Nobody takes old ones away: start a control plane.',
    sql: `
      select p.id::text
      from secret_parameters p
      join workspaces w on w.id = p.workspace_id
      where w.deleted_at < (select standby_now()) - interval '${AWAITED_DAYS + 1} days'
        and not ${HAS_OPEN_STRAY}`,
  }),
  check({
    id: 'job.silent',
    title: 'a job counts as running and gave no sign of life for an hour',
    remedy: 'Nobody looks for silent jobs: start a control plane.',
    sql: `
      select id::text
      from jobs
      where status in ('running', 'canceling')
        and heartbeat_at < (select standby_now()) - interval '1 hour'`,
  }),
  check({
    id: 'daemon.none',
    title: 'jobs wait for over a minute and no daemon was seen in the last one',
    remedy:
      'Start a daemon: `standby provisioner`; `standby provisioner list` shows those there were.',
    sql: `
      select id::text
      from jobs
      where status = 'pending'
        and created_at < (select standby_now()) - interval '1 minute'
        and not exists (select from daemons d where ${DAEMON_IS_SEEN})`,
  }),
  check({
    id: 'idempotency_key.left',
    title: 'an idempotency key is kept although it has not counted for a day',
    remedy: 'Nobody takes old ones away: start a control plane.',
    sql: `
      select user_id || ' ' || key
      from idempotency_keys
      where created_at < (select standby_now()) - interval '48 hours'`,
  }),
  check({
    id: 'membership.missing',
    title: 'an organization has pools and the user of prebuilds is no member of it',
    remedy: 'The next pass makes it one: start a control plane, or see its log.',
    sql: `
      select o.name
      from organizations o
      where exists (
          select
          from pool_members m
          join pools l on l.id = m.pool_id
          where l.organization_id = o.id)
        and not exists (
          select
          from memberships m
          where m.organization_id = o.id
            and m.user_id = '${PREBUILDS_USER_ID}')`,
  }),
  check({
    id: 'schema.invalid',
    title: 'an index or a constraint does not hold for all rows',
    remedy: '`reindex index …`, or `alter table … validate constraint …`, and see what it says.',
    sql: `
      select i.indexrelid::regclass::text
      from pg_index i
      join pg_class c on c.oid = i.indrelid
      where c.relnamespace = current_schema()::regnamespace
        and not i.indisvalid
      union all
      select conrelid::regclass || ' ' || conname
      from pg_constraint
      where connamespace = current_schema()::regnamespace
        and not convalidated
      union all
      select tgrelid::regclass || ' ' || tgname
      from pg_trigger t
      join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = current_schema()::regnamespace
        and tgenabled = 'D'`,
  }),
];
