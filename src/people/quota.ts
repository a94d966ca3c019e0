// The quota of an organization: told, turned on and off.
import { isAllowed, requireAllowed, type Actor } from '../domain/permission/permission.ts';
import type { Database } from '../store/database.ts';
import {
  listOverspent,
  readQuotaPage,
  storeEnforcesQuota,
  type Overspent,
} from '../store/quota.ts';
import type { Executor } from '../store/statement.ts';
import { getVisibleOrganization } from './organization.ts';

export interface QuotaPage extends Awaited<ReturnType<typeof readQuotaPage.one>> {
  readonly organization: string;
  /** Null for who may not know. */
  readonly overspent: readonly Overspent[] | null;
}

/** Throws NOT_FOUND. */
export async function readQuota(
  on: Executor,
  actor: Actor,
  organization: string,
): Promise<QuotaPage> {
  const { id: organizationId } = await getVisibleOrganization(on, actor, organization);
  const page = await readQuotaPage.one(on, { organizationId, userId: actor.userId });
  const mayKnow = isAllowed(actor, 'quota.enforce');
  const overspent = mayKnow ? (await listOverspent.one(on, { organizationId })).overspent : null;
  return { ...page, organization, overspent };
}

export interface Enforcement {
  readonly organization: string;
  readonly enforced: boolean;
  /** Only says what would be. */
  readonly isDryRun: boolean;
}

/** Throws FORBIDDEN, NOT_FOUND. */
export function enforceQuota(
  database: Database,
  actor: Actor,
  { organization, enforced, isDryRun }: Enforcement,
): Promise<QuotaPage> {
  requireAllowed(actor, 'quota.enforce');
  return database.transaction(async (tx) => {
    const { id: organizationId } = await getVisibleOrganization(tx, actor, organization);
    if (!isDryRun) {
      await storeEnforcesQuota.run(tx, { organizationId, enforced });
      // Pools that were held back may build now.
      tx.notify({ kind: 'prebuilds' });
    }
    return { ...(await readQuota(tx, actor, organization)), enforced };
  });
}
