// From a token to whom it belongs.
import { timingSafeEqual } from 'node:crypto';
import { hashToken } from '../base/token.ts';
import type { Kit } from '../base/kit.ts';
import { createMemory } from '../base/memory.ts';
import type { TokenId } from '../base/id.ts';
import { requireAllowed } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import type { NoticeBus } from '../store/notice-bus.ts';
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

/** Far more than are used at one control plane. */
const REMEMBERED_KEYS = { forMs: 1_000, most: 1_000 };

/**
 * Gives what a live provisioner key opens. A daemon calls several times for each job, so that is remembered: until a
 * notice tells that a key was revoked, and for a second where the notice is lost.
 */
export function createProvisionerAuthenticator({
  clock,
  database,
  bus,
}: Pick<Kit, 'clock'> & {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}): (key: string) => Promise<ProvisionerKey | undefined> {
  const remembered = createMemory<string, ProvisionerKey>(clock, REMEMBERED_KEYS);
  /** What is being read, by hash: who calls at the same moment waits for the same answer. */
  const reading = new Map<string, Promise<ProvisionerKey | undefined>>();
  bus.subscribe('provisioner_key', () => {
    remembered.clear();
    reading.clear();
  });
  const read = (hash: Buffer, name: string): Promise<ProvisionerKey | undefined> => {
    const readMs = clock.monotonicMs();
    const asked = findProvisionerKey(database, hash)
      .then((found) => {
        // What was read while a key was revoked may be of before.
        const isNews = reading.get(name) === asked;
        if (isNews && found !== undefined) remembered.set(name, found, readMs);
        return found;
      })
      .finally(() => {
        if (reading.get(name) === asked) reading.delete(name);
      });
    reading.set(name, asked);
    return asked;
  };
  return async (key) => {
    const hash = hashToken(key);
    const name = hash.toString('hex');
    return remembered.get(name) ?? (await (reading.get(name) ?? read(hash, name)));
  };
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
