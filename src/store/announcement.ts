// What administrators have to know: written in the transaction in which it happens, and put into the inbox
// of each of them afterwards.
import type { AnnouncementId, BuildId, PresetId, UserId, WorkspaceId } from '../base/id.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import { bool, count, instant, json, nullable, oneOf, text, uuid, type RowOf } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { statement, takes } from './statement.ts';

export type AnnouncementKind = 'claim_replaced' | 'rehearsal_replaces';

/** What both kinds tell; of a claim also what was claimed, and by whom. */
export interface AnnouncementDetails {
  readonly template: string;
  readonly version: string;
  readonly preset: string | null;
  readonly resources: readonly Replacement[];
  readonly claim?: {
    readonly workspace: string;
    readonly workspaceId: WorkspaceId;
    readonly build: number;
    readonly claimant: string;
  };
}

export const announceReplacedClaim = statement({
  name: 'announcement.claim_replaced',
  takes: takes<{
    readonly id: AnnouncementId;
    readonly buildId: BuildId;
    readonly resources: string;
  }>(),
  gives: {},
  sql: `
    insert into announcements (id, kind, organization_id, subject_id, details, created_at)
    select $id, 'claim_replaced', w.organization_id, b.id,
      jsonb_build_object(
        'template', t.name,
        'version', v.name,
        'preset', p.name,
        'resources', $resources::jsonb,
        'claim', jsonb_build_object(
          'workspace', w.name,
          'workspaceId', w.id,
          'build', b.number,
          'claimant', u.username)),
      standby_now()
    from builds b
    join workspaces w on w.id = b.workspace_id
    join users u on u.id = b.initiator_id
    join template_versions v on v.id = b.version_id
    join templates t on t.id = v.template_id
    left join presets p on p.id = b.preset_id
    where b.id = $buildId
    on conflict on constraint announcements_kind_subject_id_key do nothing`,
});

export const announceRehearsal = statement({
  name: 'announcement.rehearsal_replaces',
  takes: takes<{
    readonly id: AnnouncementId;
    readonly presetId: PresetId;
    readonly resources: string;
  }>(),
  gives: {},
  sql: `
    insert into announcements (id, kind, organization_id, subject_id, details, created_at)
    select $id, 'rehearsal_replaces', t.organization_id, p.id,
      jsonb_build_object(
        'template', t.name,
        'version', v.name,
        'preset', p.name,
        'resources', $resources::jsonb),
      standby_now()
    from presets p
    join template_versions v on v.id = p.version_id
    join templates t on t.id = v.template_id
    where p.id = $presetId
    on conflict on constraint announcements_kind_subject_id_key do nothing`,
});

/**
 * Puts the oldest that wait into the inboxes of all administrators. One statement, so that each is told
 * everybody or nobody; what another replica is delivering is passed over.
 */
export const deliverAnnouncements = statement({
  name: 'announcement.deliver',
  takes: takes<{ readonly limit: number }>(),
  gives: { delivered: count },
  sql: `
    with due as materialized (
      select id
      from announcements
      where delivered_at is null
      order by id
      limit $limit
      for update skip locked
    ), told as (
      insert into notifications (user_id, announcement_id)
      select u.id, due.id
      from due
      cross join users u
      where 'admin' = any (u.site_roles)
        and u.status = 'active'
      on conflict do nothing
    ), delivered as (
      update announcements a
      set delivered_at = (select standby_now())
      from due
      where a.id = due.id
      returning a.id
    )
    select count(*) as delivered from delivered`,
});

/** Takes away the oldest that were delivered so long ago, from every inbox. */
export const removeOldAnnouncements = statement({
  name: 'announcement.remove_old',
  takes: takes<{ readonly retentionMs: number; readonly limit: number }>(),
  gives: {},
  sql: `
    with over as materialized (
      select id
      from announcements
      where delivered_at < (select standby_now()) - make_interval(secs => $retentionMs::double precision / 1000)
      order by delivered_at
      limit $limit::integer
      for update skip locked
    )
    delete from announcements
    where id = any (array(select id from over))`,
});

const notificationColumns = {
  id: uuid<AnnouncementId>(),
  kind: oneOf<AnnouncementKind>(),
  organization: text,
  details: json<AnnouncementDetails>(),
  createdAt: instant,
  readAt: nullable(instant),
};

export type NotificationRow = RowOf<typeof notificationColumns>;

/** Of one person, newest first. */
export const listNotifications = statement({
  name: 'notification.list',
  takes: takes<{
    readonly userId: UserId;
    readonly unreadOnly: boolean;
    readonly before: AnnouncementId | null;
    readonly limit: number;
  }>(),
  gives: notificationColumns,
  sql: `
    select a.id, a.kind, o.name as organization, a.details, a.created_at, n.read_at
    from notifications n
    join announcements a on a.id = n.announcement_id
    join organizations o on o.id = a.organization_id
    where n.user_id = $userId
      ${ifGiven('and $unreadOnly::boolean and n.read_at is null')}
      ${ifGiven('and n.announcement_id < $before::uuid')}
    order by n.announcement_id desc
    limit $limit::integer`,
});

/** Marks as read one of somebody's, if there is such a one; gives how many were unread. */
export const readNotification = statement({
  name: 'notification.read',
  takes: takes<{ readonly userId: UserId; readonly id: AnnouncementId }>(),
  gives: { known: bool, unread: count },
  sql: `
    with theirs as materialized (
      select announcement_id, read_at
      from notifications
      where user_id = $userId
        and announcement_id = $id
      for update
    ), marked as (
      update notifications n
      set read_at = (select standby_now())
      from theirs t
      where n.user_id = $userId
        and n.announcement_id = t.announcement_id
        and t.read_at is null
      returning n.announcement_id
    )
    select exists (select from theirs) as known,
      (select count(*) from marked) as unread`,
});

/** Marks all of somebody's as read; it concerns those that were unread. */
export const readAllNotifications = statement({
  name: 'notification.read_all',
  takes: takes<{ readonly userId: UserId }>(),
  gives: {},
  sql: `
    update notifications
    set read_at = (select standby_now())
    where user_id = $userId
      and read_at is null`,
});
