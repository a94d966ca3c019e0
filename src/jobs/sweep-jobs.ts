// Finds the jobs whose daemons are gone and ends what will not end by itself. Runs on any number of
// replicas at once: whoever gets a job's lock looks again before it judges.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { JOB_FAILURES } from '../domain/job/failure.ts';
import type { Database, Transaction } from '../store/database.ts';
import { findRevokedJobs, findSilentJobs, findUnservedJobs } from '../store/job-sweep.ts';
import type { Executor } from '../store/statement.ts';
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
  /** Whose daemon's key was revoked. */
  readonly revoked: readonly JobId[];
}

/** At most so many of a kind in one sweep, so that a sweep ends; the next takes the rest. */
const BATCH = 100;

interface Sweep {
  /** Of a silence that is judged also the name of the watch. */
  readonly name: 'silent_jobs' | 'unserved_jobs' | 'revoked_jobs';
  readonly find: (
    on: Executor,
    args: { readonly id: JobId | null; readonly limit: number },
  ) => Found;
  /** The silence that is judged; null: none. */
  readonly afterMs: number | null;
  readonly end: (tx: Transaction, locked: Locked) => Promise<void>;
}

type Found = Promise<readonly { readonly id: JobId }[]>;

type Deps = Kit & { readonly database: Database };

export async function sweepJobs(deps: Deps, options: SweepOptions): Promise<SweepResult> {
  const { intervalMs, deadAfterMs, unservedAfterMs } = options;
  const hung = await sweep(deps, intervalMs, {
    name: 'silent_jobs',
    find: (on, args) => findSilentJobs.all(on, { ...args, afterMs: deadAfterMs }),
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
    find: (on, args) => findUnservedJobs.all(on, { ...args, afterMs: unservedAfterMs }),
    afterMs: unservedAfterMs,
    end: async (tx, locked) => {
      const error = `no daemon that could do this job was seen for ${seconds(unservedAfterMs)}`;
      const result = { outcome: 'failed', error, errorCode: JOB_FAILURES.noProvisioner } as const;
      await finishJob(deps, tx, { locked, result });
    },
  });
  const revoked = await sweep(deps, intervalMs, {
    name: 'revoked_jobs',
    find: (on, args) => findRevokedJobs.all(on, args),
    afterMs: null,
    end: async (tx, locked) => {
      await endLostAttempt(deps, tx, {
        locked,
        code: JOB_FAILURES.daemonLost,
        error: `the provisioner key of the daemon that worked on attempt ${locked.job.attempt} was revoked`,
      });
    },
  });
  return { hung, unserved, revoked };
}

async function sweep(
  { database, log }: Deps,
  intervalMs: number,
  { name, find, afterMs, end }: Sweep,
): Promise<readonly JobId[]> {
  if (afterMs !== null) {
    const { judging } = await keepWatch.one(database, { name, intervalMs, timeoutMs: afterMs });
    if (!judging) return [];
  }
  const found = await find(database, { id: null, limit: BATCH });
  const ended: JobId[] = [];
  for (const { id } of found) {
    try {
      const isEnded = await database.transaction(async (tx) => {
        const locked = await lockJob(tx, id);
        const [still] = await find(tx, { id, limit: 1 });
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
