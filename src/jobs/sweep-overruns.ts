// The limit on a job's run time: its daemon is asked to stop it, and when it does not, the job fails
// without its daemon. That nobody looked for a while is no excuse here: the job did run all the time.
import type { JobId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { JobType } from '../domain/job/job.ts';
import type { Database } from '../store/database.ts';
import { askToStopRow, findOverrunJobs } from '../store/job-overrun.ts';
import { asJson } from '../store/statement.ts';
import { announceCancel } from './cancel-job.ts';
import { endEach } from './end-each.ts';
import { finishJob } from './finish-job.ts';
import { overrun } from './overrun.ts';

export interface RunTimeOptions {
  /** How long one attempt may run. */
  readonly maxRunTimeMs: Readonly<Record<JobType, number>>;
  /** How long a daemon has to stop it, once it was asked. */
  readonly killGraceMs: number;
}

/** The jobs that were asked to stop, or failed. */
export function sweepOverruns(
  deps: Kit & { readonly database: Database },
  { maxRunTimeMs, killGraceMs }: RunTimeOptions,
): Promise<readonly JobId[]> {
  const args = { limitsMs: asJson(maxRunTimeMs), graceMs: killGraceMs };
  return endEach(deps, {
    name: 'overrun_jobs',
    find: (on, which) => findOverrunJobs.all(on, { ...args, ...which }),
    end: async (tx, locked, { id, status, type }) => {
      if (status === 'running') {
        await askToStopRow.run(tx, { id });
        announceCancel(tx, locked);
        return;
      }
      const seconds = maxRunTimeMs[type] / 1_000;
      const result = overrun(
        `it ran for longer than ${seconds} s and did not end within ${killGraceMs / 1_000} s after it was asked to`,
      );
      await finishJob(deps, tx, { locked, result });
    },
  });
}
