// The system user's place in each organization that has pools: a member, and in a group of its own
// by which its quota is set. Nothing of it is ever removed.
import type { OrganizationId } from '../base/id.ts';
import { uuid } from './column.ts';
import { statement, takes, type NoArgs } from './statement.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';

/** Of every organization that has pools. */
export const PREBUILD_GROUP = 'prebuilt-workspaces';
const GROUP_DISPLAY_NAME = 'Prebuilt workspaces';

/** That the system user is in its place, as a condition on an organization's id. */
export const hasPrebuildMembership = (organizationId: string): string => `(
  exists (
    select from memberships m
    where m.organization_id = ${organizationId}
      and m.user_id = '${PREBUILDS_USER_ID}')
  and exists (
    select from groups g
    join group_members gm on gm.group_id = g.id
    where g.organization_id = ${organizationId}
      and g.name = '${PREBUILD_GROUP}'
      and gm.user_id = '${PREBUILDS_USER_ID}'))`;

export const findIncompleteOrganizations = statement({
  name: 'prebuild_membership.find_incomplete',
  takes: takes<NoArgs>(),
  gives: { organizationId: uuid<OrganizationId>() },
  sql: `
    select o.organization_id
    from (select distinct organization_id from pools) as o
    where not ${hasPrebuildMembership('o.organization_id')}
    order by o.organization_id`,
});

// What somebody else makes at the same moment counts as made.
export const insertPrebuildMembership = statement({
  name: 'prebuild_membership.insert',
  takes: takes<{ readonly organizationId: OrganizationId; readonly groupId: string }>(),
  gives: {},
  sql: `
    with member as (
      insert into memberships (organization_id, user_id, created_at)
      values ($organizationId, '${PREBUILDS_USER_ID}', standby_now())
      on conflict do nothing
    )
    insert into groups (id, organization_id, name, display_name, quota_allowance, created_at)
    values ($groupId, $organizationId, '${PREBUILD_GROUP}', '${GROUP_DISPLAY_NAME}', 0, standby_now())
    on conflict on constraint groups_organization_id_name_key do nothing`,
});

/** A statement of its own, so that it sees a group that somebody else made just now. */
export const insertPrebuildGroupMember = statement({
  name: 'prebuild_membership.insert_group_member',
  takes: takes<{ readonly organizationId: OrganizationId }>(),
  gives: {},
  sql: `
    insert into group_members (group_id, user_id)
    select id, '${PREBUILDS_USER_ID}'
    from groups
    where organization_id = $organizationId
      and name = '${PREBUILD_GROUP}'
    on conflict do nothing`,
});
