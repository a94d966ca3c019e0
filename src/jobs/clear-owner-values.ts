// The end of what new owners gave and no agent took over: workspaces that are gone, and agents that did not come.
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import { expireOwnerValues, removeOrphanedValues } from '../store/owner-values.ts';

/** What one look leaves, the next takes. */
const LIMIT = 200;
/** Of what waits for a workspace that no build starts, unless more time is given anyway. */
const LONGEST_MS = 24 * 60 * 60 * 1000;

export async function clearOwnerValues(
  { database, log }: Pick<Kit, 'log'> & { readonly database: Database },
  { ownerValuesTimeoutMs: timeoutMs }: { readonly ownerValuesTimeoutMs: number },
): Promise<void> {
  await removeOrphanedValues.run(database, { limit: LIMIT });
  const late = { timeoutMs, longestMs: Math.max(timeoutMs, LONGEST_MS), limit: LIMIT };
  for (const expired of await expireOwnerValues.all(database, late)) {
    log.warn('owner_values.expired', expired);
  }
}
