// Tokens by which people are known.
import { AppError } from '../base/app-error.ts';
import { createId, type TokenId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { createToken as createSecret } from '../base/token.ts';
import { requireAllowed, type Actor } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import { insertToken, revokeToken as revokeRow, type TokenRow } from '../store/token.ts';
import { findUser } from '../store/user.ts';
import { getPerson } from './user.ts';

export interface TokenRequest {
  readonly name: string;
  /** Whose; the actor's own when left out. */
  readonly username?: string | undefined;
  readonly lifetimeSeconds?: number | undefined;
}

/** Makes a token; its secret is known to the answer alone. Throws FORBIDDEN, NOT_FOUND. */
export async function createToken(
  deps: { readonly kit: Kit; readonly database: Database },
  actor: Actor,
  request: TokenRequest,
): Promise<{ readonly token: TokenRow; readonly secret: string }> {
  const { username } = request;
  // Asked first, so that the answer does not tell who exists.
  const named = username === undefined ? undefined : await findUser(deps.database, username);
  const ownerId = username === undefined ? actor.userId : named?.id;
  requireAllowed(actor, 'token.create', ownerId === undefined ? {} : { ownerId });
  if (username !== undefined) await getPerson(deps.database, username);

  const { secret, hash } = createSecret(deps.kit.rng, 'sbt');
  const token = await insertToken(deps.database, {
    id: createId<TokenId>(deps.kit),
    userId: ownerId ?? actor.userId,
    name: request.name,
    hash,
    lifetimeSeconds: request.lifetimeSeconds ?? null,
  });
  return { token, secret };
}

/** Ends a token at once. Throws NOT_FOUND for one that is gone already or is not the actor's to end. */
export async function revokeToken(database: Database, actor: Actor, id: TokenId): Promise<void> {
  const ended = await revokeRow(database, id, actor.isAdmin ? null : actor.userId);
  if (!ended) throw new AppError('NOT_FOUND', `there is no token ${id}`);
}
