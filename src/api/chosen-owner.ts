// Whose things a list is about: one's own, unless an administrator asks for others'.
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import type { UserId } from '../base/id.ts';
import type { Executor } from '../store/statement.ts';
import { findUser } from '../store/user.ts';
import type { PersonCaller } from './handler.ts';

/** `owner=all` lists everybody's. */
const EVERYBODY = 'all';
const MYSELF = 'me';

export interface OwnerChoice {
  readonly caller: PersonCaller;
  readonly owner: string | undefined;
  /** What is listed, in the plural. */
  readonly what: string;
}

/** Null for everybody. Throws FORBIDDEN for others' unless an administrator asks, and NOT_FOUND. */
export async function chosenOwner(
  on: Executor,
  { caller, owner = MYSELF, what }: OwnerChoice,
): Promise<UserId | null> {
  if (owner === MYSELF || owner === caller.username) return caller.userId;
  if (!caller.isAdmin) {
    throw new AppError(
      'FORBIDDEN',
      `only administrators may list the ${what} of ${excerpt(owner)}`,
    );
  }
  if (owner === EVERYBODY) return null;
  const user = await findUser(on, owner);
  if (user === undefined) throw new AppError('NOT_FOUND', `there is no user ${excerpt(owner)}`);
  return user.id;
}
