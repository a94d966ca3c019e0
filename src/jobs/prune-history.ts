// The regular taking away of what is long over. Any number of replicas may do it at once, and whatever stops
// one in the middle leaves whole workspaces, there or gone.
import type { Kit } from '../base/kit.ts';
import type { Database } from '../store/database.ts';
import {
  removeOldLines,
  removeOldLoneJobs,
  removeOldMisses,
  removeOldPoolEvents,
  removeOldWorkspaces,
} from '../store/history.ts';
import { inBatches } from './in-batches.ts';

export interface HistoryOptions {
  /** What ended longer ago goes; 0: nothing does. */
  readonly retentionMs: number;
}

export interface PrunedHistory {
  readonly workspaces: number;
  readonly loneJobs: number;
  readonly misses: number;
}

// Of one statement: some tens of milliseconds. Of one look, every 10 s: as much as a thousand workspaces a
// second leave behind. What is turned on late catches up meanwhile.
const WORKSPACES = { size: 100, most: 100 };
const LINES = { size: 5_000, most: 4 };
const LONE_JOBS = { size: 20, most: 10 };
const MISSES = { size: 1_000, most: 20 };
const POOL_EVENTS = { size: 2_000, most: 50 };

interface PruneDeps extends Pick<Kit, 'log'> {
  readonly database: Database;
}

/** Workspaces, with all that was about them, and what is about none. */
export async function pruneHistory(
  { database, log }: PruneDeps,
  { retentionMs }: HistoryOptions,
  signal: AbortSignal,
): Promise<PrunedHistory> {
  if (retentionMs === 0) return { workspaces: 0, loneJobs: 0, misses: 0 };
  const workspaces = await inBatches({ ...WORKSPACES, signal }, async (limit) => {
    await inBatches({ ...LINES, signal }, (lines) =>
      removeOldLines.run(database, { retentionMs, workspaces: limit, limit: lines }),
    );
    return removeOldWorkspaces.run(database, { retentionMs, limit });
  });
  const [loneJobs, misses] = [
    await inBatches({ ...LONE_JOBS, signal }, (limit) =>
      removeOldLoneJobs.run(database, { retentionMs, limit }),
    ),
    await inBatches({ ...MISSES, signal }, (limit) =>
      removeOldMisses.run(database, { retentionMs, limit }),
    ),
  ];
  const pruned = { workspaces, loneJobs, misses };
  if (Object.values(pruned).some((count) => count > 0)) log.info('history.pruned', pruned);
  return pruned;
}

/** Gives how many. */
export async function prunePoolEvents(
  { database, log }: PruneDeps,
  { retentionMs }: HistoryOptions,
  signal: AbortSignal,
): Promise<number> {
  if (retentionMs === 0) return 0;
  const poolEvents = await inBatches({ ...POOL_EVENTS, signal }, (limit) =>
    removeOldPoolEvents.run(database, { retentionMs, limit }),
  );
  if (poolEvents > 0) log.info('history.pool_events_pruned', { poolEvents });
  return poolEvents;
}
