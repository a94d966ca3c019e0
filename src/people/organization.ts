// Organizations and who belongs to them.
import { AppError } from '../base/app-error.ts';
import type { Instant } from '../base/clock.ts';
import { createId, type OrganizationId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { requireAllowed, type Actor } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import { insertMembership } from '../store/membership.ts';
import {
  findOrganization,
  findOrganizationOfMember,
  insertOrganization,
  type OrganizationRow,
} from '../store/organization.ts';
import type { Executor } from '../store/statement.ts';
import { getPerson } from './user.ts';

/** The organization, if the actor may know of it. Throws NOT_FOUND for any other. */
export async function getVisibleOrganization(
  on: Executor,
  actor: Actor,
  name: string,
): Promise<OrganizationRow> {
  const found = actor.isAdmin
    ? await findOrganization(on, name)
    : await findOrganizationOfMember(on, name, actor.userId);
  if (found === undefined) throw new AppError('NOT_FOUND', `there is no organization "${name}"`);
  return found;
}

export interface OrganizationRequest {
  readonly name: string;
  readonly displayName?: string | undefined;
}

/** Makes an organization with the actor as its first member. Throws FORBIDDEN, NAME_TAKEN. */
export async function createOrganization(
  deps: { readonly kit: Kit; readonly database: Database },
  actor: Actor,
  { name, displayName = name }: OrganizationRequest,
): Promise<OrganizationRow> {
  requireAllowed(actor, 'organization.create');
  const id = createId<OrganizationId>(deps.kit);
  return deps.database.transaction(async (tx) => {
    const made = await insertOrganization(tx, { id, name, displayName });
    if (made === undefined) {
      throw new AppError('NAME_TAKEN', `there is an organization "${name}" already`);
    }
    await insertMembership(tx, made.id, actor.userId);
    return made;
  });
}

/** Makes a user a member, and gives since when they are one. Throws FORBIDDEN, NOT_FOUND. */
export async function addMember(
  database: Database,
  actor: Actor,
  names: { readonly organization: string; readonly username: string },
): Promise<Instant> {
  requireAllowed(actor, 'member.add');
  const organization = await getVisibleOrganization(database, actor, names.organization);
  const user = await getPerson(database, names.username);
  return insertMembership(database, organization.id, user.id);
}
