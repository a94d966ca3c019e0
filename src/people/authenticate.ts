// From a token to whom it belongs.
import { timingSafeEqual } from 'node:crypto';
import { hashToken } from '../base/token.ts';
import type { Kit } from '../base/kit.ts';
import type { TokenId } from '../base/id.ts';
import { requireAllowed } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import { findProvisionerKey, type ProvisionerKey } from '../store/provisioner-key.ts';
import { readTogether } from '../store/read-together.ts';
import { findTokenHolders, recordTokenUse, type TokenHolder } from '../store/token.ts';

/**
 * Gives the holder of a live token of an active user, in one statement, or less where many ask at the
 * same time. That the token was used is noted at most once a minute, behind the request's back.
 */
export function createPersonAuthenticator(
  kit: Kit,
  database: Database,
): (token: string) => Promise<TokenHolder | undefined> {
  const noting = new Set<TokenId>();
  const findHolder = readTogether(
    { ...kit, database },
    {
      read: (hashes: readonly string[]) => findTokenHolders(database, hashes),
      keyOf: ({ hash }) => hash,
    },
  );

  const noteUse = async (id: TokenId): Promise<void> => {
    if (noting.has(id)) return;
    noting.add(id);
    try {
      await recordTokenUse(database, id);
    } catch (error) {
      // The next request of this token tries again.
      kit.log.warn('token.use_not_recorded', { token_id: id, error });
    } finally {
      noting.delete(id);
    }
  };

  return async (token) => {
    const holder = await findHolder(hashToken(token).toString('hex'));
    if (holder?.useIsDue === true) void noteUse(holder.tokenId);
    return holder;
  };
}

/** Gives what a live provisioner key opens, in one statement. */
export function createProvisionerAuthenticator(
  database: Database,
): (key: string) => Promise<ProvisionerKey | undefined> {
  return (key) => findProvisionerKey(database, hashToken(key));
}

export interface MetricsAuthenticatorDeps {
  /** Compared in memory, so that a scrape asks the database for nothing. */
  readonly metricsToken: string;
  readonly findPerson: (token: string) => Promise<TokenHolder | undefined>;
}

/** Lets the metrics token in, and administrators. Throws FORBIDDEN for other people. */
export function createMetricsAuthenticator({
  metricsToken,
  findPerson,
}: MetricsAuthenticatorDeps): (
  token: string,
) => Promise<{ readonly audience: 'metrics' } | undefined> {
  const expected = hashToken(metricsToken);
  return async (token) => {
    const caller = { audience: 'metrics' } as const;
    if (timingSafeEqual(hashToken(token), expected)) return caller;
    const person = await findPerson(token);
    if (person === undefined) return undefined;
    requireAllowed(person, 'metrics.read');
    return caller;
  };
}
