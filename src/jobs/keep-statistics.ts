// The regular look at what the planner of PostgreSQL knows. Each table is looked at again once it has doubled, so that
// a new one is a dozen times on its way to a million rows; smaller changes are PostgreSQL's own autovacuum's.
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import { listOutgrown, renewStatistics } from '../store/statistics.ts';

export async function keepStatistics({
  database,
  log,
}: Pick<Kit, 'log'> & { readonly database: Database }): Promise<void> {
  const outgrown = await listOutgrown.all(database, {});
  // Each by itself: its lock keeps autovacuum from the table for that long.
  for (const { table } of outgrown) await renewStatistics(database, table);
  if (outgrown.length > 0) {
    log.debug('statistics.renewed', { tables: outgrown.map(({ table }) => table) });
  }
}
