// The regular look at what the planner of PostgreSQL knows. Each table is looked at again once it has grown fivefold, so
// that a new one is six times on its way to a million rows; smaller changes are PostgreSQL's own autovacuum's.
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import { listOutgrown, renewStatistics } from '../store/statistics.ts';

export async function keepStatistics(
  { database, log }: Pick<Kit, 'log'> & { readonly database: Database },
  signal: AbortSignal,
): Promise<void> {
  const outgrown = await listOutgrown.all(database, {});
  // Each by itself: its lock keeps autovacuum from the table for that long.
  for (const { table } of outgrown) {
    if (signal.aborted) return;
    try {
      await renewStatistics(database, table);
      log.debug('statistics.renewed', { table });
    } catch (error) {
      // One that takes too long keeps the others from nothing.
      log.warn('statistics.failed', { table, error });
    }
  }
}
