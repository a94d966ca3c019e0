// Finds the jobs whose daemons are gone and ends what will not end by itself. Runs on any number of
// replicas at once: whoever gets a job's lock looks again before it judges.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { JOB_FAILURES } from '../domain/job/failure.ts';
import type { Database, Transaction } from '../store/database.ts';
import { findSilentJobs, findUnservedJobs } from '../store/job-sweep.ts';
import { keepWatch } from '../store/watch.ts';
import { finishJob } from './finish-job.ts';
import { lockJob, type Locked } from './locked-job.ts';
import { endLostAttempt } from './lost-attempt.ts';

export interface SweepOptions {
  /** The time between two sweeps; see keepWatch. */
  readonly intervalMs: number;
  /** Without a sign of life for this long an attempt counts as hung. */
  readonly deadAfterMs: number;
  /** Without any daemon that could do it for this long a job fails. */
  readonly unservedAfterMs: number;
}

export interface SweepResult {
  readonly hung: readonly JobId[];
  readonly unserved: readonly JobId[];
}

/** At most so many of a kind in one sweep, so that a sweep ends; the next takes the rest. */
const BATCH = 100;

interface Sweep {
  /** Also the name of the watch. */
  readonly name: 'silent_jobs' | 'unserved_jobs';
  readonly find: typeof findSilentJobs;
  readonly afterMs: number;
  readonly end: (tx: Transaction, locked: Locked) => Promise<void>;
}

type Deps = Kit & { readonly database: Database };

export async function sweepJobs(deps: Deps, options: SweepOptions): Promise<SweepResult> {
  const { intervalMs, deadAfterMs, unservedAfterMs } = options;
  const hung = await sweep(deps, intervalMs, {
    name: 'silent_jobs',
    find: findSilentJobs,
    afterMs: deadAfterMs,
    end: async (tx, locked) => {
      await endLostAttempt(deps, tx, {
        locked,
        code: JOB_FAILURES.hung,
        error: `no sign of life of attempt ${locked.job.attempt} for ${seconds(deadAfterMs)}`,
      });
    },
  });
  const unserved = await sweep(deps, intervalMs, {
    name: 'unserved_jobs',
    find: findUnservedJobs,
    afterMs: unservedAfterMs,
    end: async (tx, locked) => {
      const error = `no daemon that could do this job was seen for ${seconds(unservedAfterMs)}`;
      const result = { outcome: 'failed', error, errorCode: JOB_FAILURES.noProvisioner } as const;
      await finishJob(deps, tx, { locked, result });
    },
  });
  return { hung, unserved };
}

async function sweep(
  { database, log }: Deps,
  intervalMs: number,
  { name, find, afterMs, end }: Sweep,
): Promise<readonly JobId[]> {
  const { judging } = await keepWatch.one(database, { name, intervalMs, timeoutMs: afterMs });
  if (!judging) return [];
  const found = await find.all(database, { id: null, afterMs, limit: BATCH });
  const ended: JobId[] = [];
  for (const { id } of found) {
    try {
      const isEnded = await database.transaction(async (tx) => {
        const locked = await lockJob(tx, id);
        const still = await find.maybe(tx, { id, afterMs, limit: 1 });
        if (locked === undefined || still === undefined) return false;
        await end(tx, locked);
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

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
