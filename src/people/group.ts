// Groups of an organization: who is in them, and what they allow.
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import { createId, type GroupId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { requireAllowed, type Actor } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import {
  deleteGroup as deleteRow,
  deleteGroupMember,
  findGroup,
  insertGroup,
  insertGroupMember,
  listGroupMembers,
  updateGroup,
  type GroupRow,
} from '../store/group.ts';
import { findOrganizationOfMember } from '../store/organization.ts';
import { PREBUILD_GROUP } from '../store/prebuild-membership.ts';
import type { Executor } from '../store/statement.ts';
import { getVisibleOrganization } from './organization.ts';
import { getPerson } from './user.ts';

interface Deps {
  readonly kit: Kit;
  readonly database: Database;
}

export interface GroupNames {
  readonly organization: string;
  readonly group: string;
}

export interface GroupWithMembers extends GroupRow {
  /** Their usernames. */
  readonly usernames: readonly string[];
}

/** Throws NOT_FOUND. */
export async function getGroup(
  on: Executor,
  actor: Actor,
  names: GroupNames,
): Promise<GroupWithMembers> {
  const row = await getRow(on, actor, names);
  return withMembers(on, row);
}

async function withMembers(on: Executor, row: GroupRow): Promise<GroupWithMembers> {
  const { usernames } = await listGroupMembers.one(on, { id: row.id });
  return { ...row, usernames };
}

async function getRow(on: Executor, actor: Actor, names: GroupNames): Promise<GroupRow> {
  const { id: organizationId } = await getVisibleOrganization(on, actor, names.organization);
  const row = await findGroup.maybe(on, { organizationId, name: names.group });
  if (row === undefined) throw noSuchGroup(names);
  return row;
}

function noSuchGroup({ group }: GroupNames): AppError {
  return new AppError('NOT_FOUND', `there is no group ${excerpt(group)}`);
}

/** Makes a group with nobody in it. Throws FORBIDDEN, NOT_FOUND, NAME_TAKEN. */
export async function createGroup(
  { kit, database }: Deps,
  actor: Actor,
  given: GroupNames & { readonly displayName: string | undefined; readonly allowance: number },
): Promise<GroupWithMembers> {
  requireAllowed(actor, 'group.manage');
  const { id: organizationId } = await getVisibleOrganization(database, actor, given.organization);
  const { group: name, displayName = name, allowance } = given;
  const id = createId<GroupId>(kit);
  const made = await insertGroup.maybe(database, {
    ...{ id, organizationId, name, displayName, allowance },
  });
  if (made === undefined) throw new AppError('NAME_TAKEN', `there is a group "${name}" already`);
  return { ...made, usernames: [] };
}

/** What is left out stays as it is. Throws FORBIDDEN, NOT_FOUND. */
export async function changeGroup(
  { database }: Deps,
  actor: Actor,
  {
    displayName = null,
    allowance = null,
    ...names
  }: GroupNames & {
    readonly displayName: string | null | undefined;
    readonly allowance: number | null | undefined;
  },
): Promise<GroupWithMembers> {
  requireAllowed(actor, 'group.manage');
  return database.transaction(async (tx) => {
    const { id } = await getRow(tx, actor, names);
    const row = await updateGroup.one(tx, { id, displayName, allowance });
    // Pools that were held back may build now.
    tx.notify({ kind: 'prebuilds' });
    return withMembers(tx, row);
  });
}

/** Those in it stay members of the organization. Throws FORBIDDEN, NOT_FOUND. */
export async function deleteGroup(
  { database }: Deps,
  actor: Actor,
  names: GroupNames,
): Promise<void> {
  requireAllowed(actor, 'group.manage');
  const { id, name } = await getRow(database, actor, names);
  if (name === PREBUILD_GROUP) {
    throw new AppError('FORBIDDEN', {
      detail: `group ${name} is what the pools of the organization may spend`,
      hint: 'Set its allowance to 0 instead.',
    });
  }
  await deleteRow.run(database, { id });
}

export interface MemberNames extends GroupNames {
  readonly username: string;
}

/** Throws FORBIDDEN, NOT_FOUND; the latter for who is not a member of the organization, too. */
export async function addGroupMember(
  { database }: Deps,
  actor: Actor,
  names: MemberNames,
): Promise<GroupWithMembers> {
  requireAllowed(actor, 'group.manage');
  const { organization, username } = names;
  const group = await getRow(database, actor, names);
  const user = await getPerson(database, username);
  if ((await findOrganizationOfMember(database, organization, user.id)) === undefined) {
    throw new AppError('NOT_FOUND', {
      detail: `user "${username}" is not a member of organization "${organization}"`,
      hint: `Make them one first: \`standby org add-member ${organization} ${username}\`.`,
    });
  }
  const row = await insertGroupMember.maybe(database, { id: group.id, userId: user.id });
  // Somebody deleted it meanwhile.
  if (row === undefined) throw noSuchGroup(names);
  return getGroup(database, actor, names);
}

/** Does nothing for who is not in it. Throws FORBIDDEN, NOT_FOUND. */
export async function removeGroupMember(
  { database }: Deps,
  actor: Actor,
  names: MemberNames,
): Promise<GroupWithMembers> {
  requireAllowed(actor, 'group.manage');
  const group = await getRow(database, actor, names);
  const user = await getPerson(database, names.username);
  await deleteGroupMember.run(database, { id: group.id, userId: user.id });
  return getGroup(database, actor, names);
}
