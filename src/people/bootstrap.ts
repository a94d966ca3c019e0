// What an installation cannot be used without: an organization, an administrator with a token, and a
// key for daemons. The secrets are the caller's, which has written them to its private files before:
// a crash between the two leaves nothing that nobody can open, and running this again is harmless.
import {
  createId,
  type OrganizationId,
  type ProvisionerKeyId,
  type TokenId,
  type UserId,
} from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { hashToken } from '../base/token.ts';
import type { Database } from '../store/database.ts';
import { insertMembership } from '../store/membership.ts';
import { findOrganization, insertOrganization } from '../store/organization.ts';
import { insertSiteWideKey } from '../store/provisioner-key.ts';
import type { Executor } from '../store/statement.ts';
import { insertTokenOnce } from '../store/token.ts';
import { findUser, insertUser } from '../store/user.ts';

export const FIRST_ORGANIZATION = 'default';
export const FIRST_ADMIN = 'admin';

export interface BootstrapSecrets {
  /** Made with createToken and the prefix `sbt`. */
  readonly adminToken: string;
  /** Made with createToken and the prefix `sbp`. */
  readonly provisionerKey: string;
}

/**
 * Makes what is missing, in one transaction; any number of processes may do so at once. What is there
 * stays as it is: a revoked token or key is not revived.
 */
export async function bootstrapInstallation(
  deps: { readonly kit: Kit; readonly database: Database },
  { adminToken, provisionerKey }: BootstrapSecrets,
): Promise<void> {
  const { kit, database } = deps;
  await database.transaction(async (tx) => {
    const organizationId = await ensureOrganization(kit, tx);
    const userId = await ensureAdmin(kit, tx);
    await insertMembership(tx, organizationId, userId);
    await insertTokenOnce(tx, {
      id: createId<TokenId>(kit),
      userId,
      name: 'first start',
      hash: hashToken(adminToken),
    });
    await insertSiteWideKey(tx, {
      id: createId<ProvisionerKeyId>(kit),
      name: 'first start',
      hash: hashToken(provisionerKey),
    });
  });
}

async function ensureOrganization(kit: Kit, tx: Executor): Promise<OrganizationId> {
  const id = createId<OrganizationId>(kit);
  const made = await insertOrganization(tx, {
    id,
    name: FIRST_ORGANIZATION,
    displayName: 'Default',
  });
  const found = made ?? (await findOrganization(tx, FIRST_ORGANIZATION));
  if (found === undefined) throw new Error(`organization ${FIRST_ORGANIZATION} is gone`);
  return found.id;
}

async function ensureAdmin(kit: Kit, tx: Executor): Promise<UserId> {
  const made = await insertUser(tx, {
    id: createId<UserId>(kit),
    username: FIRST_ADMIN,
    displayName: 'Administrator',
    email: null,
    siteRoles: ['admin'],
  });
  const found = made ?? (await findUser(tx, FIRST_ADMIN));
  if (found === undefined) throw new Error(`user ${FIRST_ADMIN} is gone`);
  return found.id;
}
