// Ending the jobs that a look has found. Whoever gets a job's lock looks again before it judges, so
// that any number of replicas may do so at once.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { Executor } from '../store/statement.ts';
import { lockJob, type Locked } from './locked-job.ts';

/** At most so many of a kind in one sweep, so that a sweep ends; the next takes the rest. */
const BATCH = 100;

export interface Ending<Found extends { readonly id: JobId }> {
  /** Names the sweep in logs. */
  readonly name: string;
  /** With an id: only that one, if it still is such a job. */
  readonly find: (on: Executor, which: Which) => Promise<readonly Found[]>;
  readonly end: (tx: Transaction, locked: Locked, found: Found) => Promise<void>;
}

export interface Which {
  readonly id: JobId | null;
  readonly limit: number;
}

/** The jobs that were ended. */
export async function endEach<Found extends { readonly id: JobId }>(
  { database, log }: Kit & { readonly database: Database },
  { name, find, end }: Ending<Found>,
): Promise<readonly JobId[]> {
  const found = await find(database, { id: null, limit: BATCH });
  const ended: JobId[] = [];
  for (const { id } of found) {
    try {
      const isEnded = await database.transaction(async (tx) => {
        const locked = await lockJob(tx, id);
        const [still] = await find(tx, { id, limit: 1 });
        if (locked === undefined || still === undefined) return false;
        await end(tx, locked, still);
        return true;
      });
      if (isEnded) ended.push(id);
    } catch (error) {
      // One job that cannot be ended must not keep the others waiting.
      log.error('job.sweep_failed', { sweep: name, jobId: id, error });
    }
  }
  if (ended.length > 0) log.warn('job.swept', { sweep: name, jobs: ended });
  return ended;
}
