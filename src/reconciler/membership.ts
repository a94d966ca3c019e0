// The system user belongs to every organization that has pools: permissions and quota of prebuilds
// hang on it.
import { createId, type OrganizationId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import {
  findIncompleteOrganizations,
  insertPrebuildGroupMember,
  insertPrebuildMembership,
} from '../store/prebuild-membership.ts';
import type { Executor } from '../store/statement.ts';

/** Makes what is missing; two who do it at once both succeed. */
export async function ensureMembership(
  kit: Kit,
  on: Executor,
  organizationId: OrganizationId,
): Promise<void> {
  await insertPrebuildMembership.run(on, { organizationId, groupId: createId(kit) });
  await insertPrebuildGroupMember.run(on, { organizationId });
}

/**
 * Makes what is missing in any organization. What fails is returned by organization, so that one
 * broken organization never stops the others.
 */
export async function ensureAllMemberships(
  kit: Kit,
  database: Database,
): Promise<ReadonlyMap<OrganizationId, unknown>> {
  const failed = new Map<OrganizationId, unknown>();
  for (const { organizationId } of await findIncompleteOrganizations.all(database, {})) {
    try {
      await database.transaction((tx) => ensureMembership(kit, tx, organizationId));
      kit.log.info('membership.made', { organization: organizationId });
    } catch (error) {
      failed.set(organizationId, error);
      kit.log.error('membership.failed', { organization: organizationId, error });
    }
  }
  return failed;
}
