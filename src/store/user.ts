// Users: people, and the one system user that owns unclaimed prebuilds.
import type { UserId } from '../base/id.ts';
import { bool, instant, nullable, oneOf, text, textArray, uuid, type RowOf } from './column.ts';
import { statement, takes, type Executor } from './statement.ts';

const columns = {
  id: uuid<UserId>(),
  username: text,
  displayName: text,
  email: nullable(text),
  isSystem: bool,
  status: oneOf<'active' | 'suspended'>(),
  siteRoles: textArray,
  createdAt: instant,
} as const;

export type UserRow = RowOf<typeof columns>;

export interface NewUser {
  readonly id: UserId;
  readonly username: string;
  readonly displayName: string;
  readonly email: string | null;
  readonly siteRoles: readonly 'admin'[];
}

const insert = statement({
  name: 'user.insert',
  takes: takes<NewUser>(),
  gives: columns,
  sql: `
    insert into users (id, username, display_name, email, site_roles, created_at)
    values ($id, $username, $displayName, $email, $siteRoles, standby_now())
    on conflict on constraint users_username_key do nothing
    returning id, username, display_name, email, is_system, status, site_roles, created_at`,
});

const byId = statement({
  name: 'user.get',
  takes: takes<{ readonly id: UserId }>(),
  gives: columns,
  sql: `
    select id, username, display_name, email, is_system, status, site_roles, created_at
    from users
    where id = $id`,
});

const byUsername = statement({
  name: 'user.find_by_username',
  takes: takes<{ readonly username: string }>(),
  gives: columns,
  sql: `
    select id, username, display_name, email, is_system, status, site_roles, created_at
    from users
    where username = $username`,
});

const list = statement({
  name: 'user.list',
  takes: takes<{ readonly after: string; readonly limit: number }>(),
  gives: columns,
  sql: `
    select id, username, display_name, email, is_system, status, site_roles, created_at
    from users
    where username > $after and not is_system
    order by username
    limit $limit`,
});

/** Undefined when the username is taken. */
export function insertUser(on: Executor, user: NewUser): Promise<UserRow | undefined> {
  return insert.maybe(on, user);
}

export function getUser(on: Executor, id: UserId): Promise<UserRow> {
  return byId.one(on, { id });
}

/** Finds the system user too: the caller decides what may be done with it. */
export function findUser(on: Executor, username: string): Promise<UserRow | undefined> {
  return byUsername.maybe(on, { username });
}

/** People by username, from behind `after` on; never the system user. */
export function listUsers(
  on: Executor,
  page: { readonly after: string; readonly limit: number },
): Promise<readonly UserRow[]> {
  return list.all(on, page);
}
