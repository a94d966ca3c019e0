// Organizations.
import type { OrganizationId, UserId } from '../base/id.ts';
import { instant, text, uuid, type RowOf } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { statement, takes, type Executor, type NoArgs } from './statement.ts';

const columns = {
  id: uuid<OrganizationId>(),
  name: text,
  displayName: text,
  createdAt: instant,
} as const;

export type OrganizationRow = RowOf<typeof columns>;

export interface NewOrganization {
  readonly id: OrganizationId;
  readonly name: string;
  readonly displayName: string;
}

/** Of all there are. */
export const listOrganizationNames = statement({
  name: 'organization.list_names',
  takes: takes<NoArgs>(),
  gives: { id: uuid<OrganizationId>(), name: text },
  sql: `
    select id, name
    from organizations`,
});

const insert = statement({
  name: 'organization.insert',
  takes: takes<NewOrganization>(),
  gives: columns,
  sql: `
    insert into organizations (id, name, display_name, created_at)
    values ($id, $name, $displayName, standby_now())
    on conflict on constraint organizations_name_key do nothing
    returning id, name, display_name, created_at`,
});

const byName = statement({
  name: 'organization.find_by_name',
  takes: takes<{ readonly name: string }>(),
  gives: columns,
  sql: `
    select id, name, display_name, created_at
    from organizations
    where name = $name`,
});

const byNameForMember = statement({
  name: 'organization.find_for_member',
  takes: takes<{ readonly name: string; readonly userId: UserId }>(),
  gives: columns,
  sql: `
    select o.id, o.name, o.display_name, o.created_at
    from organizations o
    join memberships m on m.organization_id = o.id and m.user_id = $userId
    where o.name = $name`,
});

const list = statement({
  name: 'organization.list',
  takes: takes<{
    readonly memberId: UserId | null;
    readonly after: string;
    readonly limit: number;
  }>(),
  gives: columns,
  sql: `
    select id, name, display_name, created_at
    from organizations o
    where name > $after
      ${ifGiven(`and exists (
        select from memberships m where m.organization_id = o.id and m.user_id = $memberId::uuid)`)}
    order by name
    limit $limit`,
});

/** Undefined when the name is taken. */
export function insertOrganization(
  on: Executor,
  organization: NewOrganization,
): Promise<OrganizationRow | undefined> {
  return insert.maybe(on, organization);
}

export function findOrganization(on: Executor, name: string): Promise<OrganizationRow | undefined> {
  return byName.maybe(on, { name });
}

/** The organization, if the user is a member of it. */
export function findOrganizationOfMember(
  on: Executor,
  name: string,
  userId: UserId,
): Promise<OrganizationRow | undefined> {
  return byNameForMember.maybe(on, { name, userId });
}

export interface OrganizationPage {
  /** Only those this user is a member of; null: all. */
  readonly memberId: UserId | null;
  /** The name to go on behind; empty at the start. */
  readonly after: string;
  readonly limit: number;
}

export function listOrganizations(
  on: Executor,
  page: OrganizationPage,
): Promise<readonly OrganizationRow[]> {
  return list.all(on, page);
}
