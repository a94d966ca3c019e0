// Users. Nothing here lets anybody act as the system user that owns unclaimed prebuilds.
import { AppError } from '../base/app-error.ts';
import { createId, type UserId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { requireAllowed, type Actor } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import { insertMembership } from '../store/membership.ts';
import { findOrganization } from '../store/organization.ts';
import type { Executor } from '../store/statement.ts';
import { findUser, insertUser, type UserRow } from '../store/user.ts';

export interface UserRequest {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly email?: string | undefined;
  readonly isAdmin: boolean;
  /** Names of organizations to join. */
  readonly organizations: readonly string[];
}

/** They stand for something else where a username may be given. */
const RESERVED = new Set(['me', 'all']);

/** Makes a user and its memberships, or nothing. Throws FORBIDDEN, NAME_INVALID, NAME_TAKEN, NOT_FOUND. */
export async function createUser(
  deps: { readonly kit: Kit; readonly database: Database },
  actor: Actor,
  request: UserRequest,
): Promise<UserRow> {
  requireAllowed(actor, 'user.create');
  const { username } = request;
  if (RESERVED.has(username)) {
    throw new AppError('NAME_INVALID', {
      detail: `the username "${username}" is reserved`,
      hint: 'Choose another one.',
    });
  }
  const id = createId<UserId>(deps.kit);
  return deps.database.transaction(async (tx) => {
    const made = await insertUser(tx, {
      id,
      username,
      displayName: request.displayName ?? username,
      email: request.email ?? null,
      siteRoles: request.isAdmin ? ['admin'] : [],
    });
    if (made === undefined) {
      throw new AppError('NAME_TAKEN', `there is a user "${username}" already`);
    }
    for (const name of request.organizations) {
      const organization = await findOrganization(tx, name);
      if (organization === undefined) {
        throw new AppError('NOT_FOUND', `there is no organization "${name}"`);
      }
      await insertMembership(tx, organization.id, made.id);
    }
    return made;
  });
}

/** The user of that name. Throws NOT_FOUND, and FORBIDDEN for the system user, which nobody manages. */
export async function getPerson(on: Executor, username: string): Promise<UserRow> {
  const found = await findUser(on, username);
  if (found === undefined) throw new AppError('NOT_FOUND', `there is no user "${username}"`);
  if (found.isSystem) {
    throw new AppError('FORBIDDEN', {
      detail: `"${username}" is the system user that owns unclaimed prebuilds`,
      hint: 'Name a person: the system user joins organizations by itself and never logs in.',
    });
  }
  return found;
}
