// Takes away what is too old, at a bounded pace, and tells PostgreSQL's planner of what has come: apart from what must
// be looked at in time.
import type { Kit } from '../base/kit.ts';
import type { Service } from '../base/service.ts';
import { removeOldAnnouncements } from '../store/announcement.ts';
import type { Database } from '../store/database.ts';
import { dropOldIdempotencyKeys } from '../store/idempotency-key.ts';
import { findIdlePruning } from '../store/idle-chores.ts';
import { removeOldWaiters } from '../store/waiter-end.ts';
import { createChores } from './chores.ts';
import { inBatches } from './in-batches.ts';
import { keepStatistics } from './keep-statistics.ts';
import { pruneHistory, prunePoolEvents } from './prune-history.ts';
import { pruneLogs } from './prune-logs.ts';

export interface PrunerOptions {
  readonly intervalMs: number;
  /** After the ends of their jobs logs are kept so long, for ever when 0. */
  readonly logRetentionMs: number;
  /** So long is kept what is over, for ever when 0. */
  readonly historyRetentionMs: number;
}

/** Of one look, every 10 s: as much as a thousand requests a second leave behind. */
const KEYS = { size: 1_000, most: 20 };
const ANNOUNCEMENTS = { size: 500, most: 10 };
const WAITERS = { size: 1_000, most: 20 };

export function createPruner(
  given: Kit & { readonly database: Database },
  { intervalMs, logRetentionMs, historyRetentionMs }: PrunerOptions,
): Service {
  const name = 'pruner';
  const deps = { ...given, log: given.log.child({ component: name }) };
  return createChores(given, {
    name,
    intervalMs,
    findIdle: async () => {
      const retentions = { logRetentionMs, retentionMs: historyRetentionMs };
      return (await findIdlePruning.one(deps.database, retentions)).idle;
    },
    chores: {
      logs: () => pruneLogs(deps, { retentionMs: logRetentionMs }),
      // Before the history: keys and waiters keep their workspaces.
      idempotency_keys: (signal) =>
        inBatches({ ...KEYS, signal }, (limit) =>
          dropOldIdempotencyKeys.run(deps.database, { limit }),
        ),
      waiters: (signal) =>
        inBatches({ ...WAITERS, signal }, (limit) =>
          removeOldWaiters.run(deps.database, { limit }),
        ),
      announcements: (signal) =>
        historyRetentionMs === 0
          ? Promise.resolve()
          : inBatches({ ...ANNOUNCEMENTS, signal }, (limit) =>
              removeOldAnnouncements.run(deps.database, {
                retentionMs: historyRetentionMs,
                limit,
              }),
            ),
      history: (signal) => pruneHistory(deps, { retentionMs: historyRetentionMs }, signal),
      pool_events: (signal) => prunePoolEvents(deps, { retentionMs: historyRetentionMs }, signal),
      statistics: (signal) => keepStatistics(deps, signal),
    },
  });
}
