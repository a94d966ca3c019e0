// Finds the jobs whose daemons are gone and ends what will not end by itself. Runs on any number of
// replicas at once: whoever gets a job's lock looks again before it judges.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { JOB_FAILURES } from '../domain/job/failure.ts';
import type { Database } from '../store/database.ts';
import { findRevokedJobs, findSilentJobs, findUnservedJobs } from '../store/job-sweep.ts';
import { keepWatch } from '../store/watch.ts';
import { endEach, type Ending } from './end-each.ts';
import { finishJob } from './finish-job.ts';
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

interface Sweep extends Ending<{ readonly id: JobId }> {
  /** The silence that is judged, under a watch of the sweep's name; null: none. */
  readonly afterMs: number | null;
}

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
  deps: Deps,
  intervalMs: number,
  { afterMs, ...ending }: Sweep,
): Promise<readonly JobId[]> {
  if (afterMs !== null) {
    const watch = { name: ending.name, intervalMs, timeoutMs: afterMs };
    const { judging } = await keepWatch.one(deps.database, watch);
    if (!judging) return [];
  }
  return endEach(deps, ending);
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
