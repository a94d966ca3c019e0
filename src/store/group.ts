// Groups of people in an organization, and what each allows those in it to spend.
import type { GroupId, OrganizationId, UserId } from '../base/id.ts';
import { amount, count, instant, text, textArray, uuid, type RowOf } from './column.ts';
import { statement, takes } from './statement.ts';

const columns = {
  id: uuid<GroupId>(),
  name: text,
  displayName: text,
  allowance: amount,
  members: count,
  createdAt: instant,
} as const;

export type GroupRow = RowOf<typeof columns>;

const COLUMNS = `
  g.id, g.name, g.display_name, g.quota_allowance as allowance,
  (select count(*) from group_members m where m.group_id = g.id) as members, g.created_at`;

/** No row when the name is taken. */
export const insertGroup = statement({
  name: 'group.insert',
  takes: takes<{
    readonly id: GroupId;
    readonly organizationId: OrganizationId;
    readonly name: string;
    readonly displayName: string;
    readonly allowance: number;
  }>(),
  gives: columns,
  sql: `
    insert into groups as g (id, organization_id, name, display_name, quota_allowance, created_at)
    values ($id, $organizationId, $name, $displayName, $allowance, standby_now())
    on conflict on constraint groups_organization_id_name_key do nothing
    returning ${COLUMNS}`,
});

export const findGroup = statement({
  name: 'group.find',
  takes: takes<{ readonly organizationId: OrganizationId; readonly name: string }>(),
  gives: columns,
  sql: `
    select ${COLUMNS}
    from groups g
    where g.organization_id = $organizationId
      and g.name = $name`,
});

/** By name, from behind `after` on. */
export const listGroups = statement({
  name: 'group.list',
  takes: takes<{
    readonly organizationId: OrganizationId;
    readonly after: string;
    readonly limit: number;
  }>(),
  gives: columns,
  sql: `
    select ${COLUMNS}
    from groups g
    where g.organization_id = $organizationId
      and g.name > $after
    order by g.name
    limit $limit`,
});

/** What is null stays as it is. */
export const updateGroup = statement({
  name: 'group.update',
  takes: takes<{
    readonly id: GroupId;
    readonly displayName: string | null;
    readonly allowance: number | null;
  }>(),
  gives: columns,
  sql: `
    update groups g
    set display_name = coalesce($displayName::text, g.display_name),
      quota_allowance = coalesce($allowance::bigint, g.quota_allowance)
    where g.id = $id
    returning ${COLUMNS}`,
});

export const deleteGroup = statement({
  name: 'group.delete',
  takes: takes<{ readonly id: GroupId }>(),
  gives: {},
  sql: `
    delete from groups
    where id = $id`,
});

/** The usernames of everybody in a group. */
export const listGroupMembers = statement({
  name: 'group.list_members',
  takes: takes<{ readonly id: GroupId }>(),
  gives: { usernames: textArray },
  sql: `
    select coalesce(array_agg(u.username order by u.username), '{}') as usernames
    from group_members m
    join users u on u.id = m.user_id
    where m.group_id = $id`,
});

/** Does nothing for who is in it. No row when the group is gone; whoever deletes it waits. */
export const insertGroupMember = statement({
  name: 'group.insert_member',
  takes: takes<{ readonly id: GroupId; readonly userId: UserId }>(),
  gives: { id: uuid<GroupId>() },
  sql: `
    with found as materialized (
      select id
      from groups
      where id = $id
      for key share
    ), inserted as (
      insert into group_members (group_id, user_id)
      select id, $userId
      from found
      on conflict do nothing
    )
    select id
    from found`,
});

export const deleteGroupMember = statement({
  name: 'group.delete_member',
  takes: takes<{ readonly id: GroupId; readonly userId: UserId }>(),
  gives: {},
  sql: `
    delete from group_members
    where group_id = $id
      and user_id = $userId`,
});
