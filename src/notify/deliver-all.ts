// Puts announcements into the inboxes of administrators: what was written before a crash is delivered by
// whoever is there afterwards.
import type { Kit } from '../base/kit.ts';
import { deliverAnnouncements } from '../store/announcement.ts';
import type { Database } from '../store/database.ts';

/** In one statement. */
const BATCH = 100;

/** Any number of replicas may do so at once. Gives how many were delivered. */
export async function deliverAll(
  { database, log }: Pick<Kit, 'log'> & { readonly database: Database },
  signal: AbortSignal,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const { delivered } = await deliverAnnouncements.one(database, { limit: BATCH });
    total += delivered;
    if (delivered < BATCH) break;
  }
  if (total > 0) log.info('announcement.delivered', { announcements: total });
  return total;
}
