// Keys by which daemons are known. Who holds one does jobs, and so sees what they are about: only
// administrators make them.
import { AppError } from '../base/app-error.ts';
import { createId, type ProvisionerKeyId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { createToken } from '../base/token.ts';
import { requireAllowed, type Actor } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import {
  insertProvisionerKey,
  revokeProvisionerKey as revokeRow,
  type ProvisionerKeyRow,
} from '../store/provisioner-key.ts';
import { getVisibleOrganization } from './organization.ts';

export interface ProvisionerKeyRequest {
  readonly name: string;
  /** Null: for every organization. */
  readonly organization: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** Makes a key; its secret is known to the answer alone. Throws FORBIDDEN, NOT_FOUND. */
export async function createProvisionerKey(
  { kit, database }: { readonly kit: Kit; readonly database: Database },
  actor: Actor,
  { name, organization, tags }: ProvisionerKeyRequest,
): Promise<{ readonly key: ProvisionerKeyRow; readonly secret: string }> {
  requireAllowed(actor, 'provisioner_key.create');
  const owner =
    organization === null ? null : await getVisibleOrganization(database, actor, organization);
  const { secret, hash } = createToken(kit.rng, 'sbp');
  const id = createId<ProvisionerKeyId>(kit);
  const organizationId = owner?.id ?? null;
  const key = await insertProvisionerKey(database, { id, organizationId, name, hash, tags });
  return { key, secret };
}

/**
 * Ends a key at once: its daemons are refused from here on, and the sweep ends what they hold. Throws
 * FORBIDDEN, and NOT_FOUND for one that is gone already.
 */
export async function revokeProvisionerKey(
  database: Database,
  actor: Actor,
  id: ProvisionerKeyId,
): Promise<void> {
  requireAllowed(actor, 'provisioner_key.revoke');
  const ended = await revokeRow(database, id);
  if (!ended) throw new AppError('NOT_FOUND', `there is no provisioner key ${id}`);
  database.announce([{ kind: 'provisioner_key', keyId: id }]);
}
