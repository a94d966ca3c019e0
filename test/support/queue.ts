// The queue as daemons use it, with a bus of its own and daemons that register at once.
import { createAgentsTogether, type AgentsTogether } from '../../src/store/agent-together.ts';
import { createId, type DaemonId, type JobId } from '../../src/base/id.ts';
import type { JobResult } from '../../src/domain/job/job.ts';
import { acquireJob, type AcquireDeps } from '../../src/jobs/acquire-job.ts';
import type { AttemptRef, DaemonRef } from '../../src/jobs/attempt.ts';
import { cancelJob } from '../../src/jobs/cancel-job.ts';
import {
  completeJob,
  type CompleteDeps,
  type ReportedResult,
} from '../../src/jobs/complete-job.ts';
import type { CompleteAndAcquireDeps } from '../../src/jobs/complete-and-acquire.ts';
import { createDispatcher } from '../../src/jobs/dispatcher.ts';
import { heartbeatJob, type HeartbeatAnswer, type LogLine } from '../../src/jobs/heartbeat-job.ts';
import { createReportAndTake } from '../../src/jobs/report-and-take.ts';
import {
  registerDaemon,
  type RegisteringDaemon,
  type RegisteringKey,
} from '../../src/jobs/register-daemon.ts';
import { sweepJobs, type SweepOptions, type SweepResult } from '../../src/jobs/sweep-jobs.ts';
import type { RunTimeOptions } from '../../src/jobs/sweep-overruns.ts';
import type { GroupDeps, GroupOptions } from '../../src/jobs/waiting-group.ts';
import type { TakenJob } from '../../src/store/job-acquire.ts';
import type { JobStatus } from '../../src/domain/job/job.ts';
import { completeDeps } from './complete-deps.ts';
import type { Factory } from './factory.ts';
import type { TestStore } from './store.ts';

export const SWEEP: SweepOptions = {
  intervalMs: 10_000,
  deadAfterMs: 45_000,
  unservedAfterMs: 1_800_000,
};

export const RUN_TIME: RunTimeOptions = {
  maxRunTimeMs: {
    workspace_build: 4 * 3_600_000,
    template_version_import: 1_800_000,
    rehearsal: 3_600_000,
    stray_cleanup: 4 * 3_600_000,
  },
  killGraceMs: 900_000,
};

export interface TestDaemon extends DaemonRef {
  readonly key: RegisteringKey;
  readonly asked: RegisteringDaemon;
}

export interface TestQueue {
  readonly deps: AcquireDeps &
    CompleteDeps &
    CompleteAndAcquireDeps & { readonly bus: GroupDeps['bus']; readonly agents: AgentsTogether };
  /** Registers a new daemon under a new key. */
  daemon(
    change?: Partial<RegisteringDaemon>,
    key?: Partial<Pick<RegisteringKey, 'organizationId' | 'tags'>>,
  ): Promise<TestDaemon>;
  /** Registers the same daemon again, as after a restart. */
  restart(daemon: TestDaemon): Promise<TestDaemon>;
  /** One look, without waiting. */
  take(daemon: DaemonRef): Promise<TakenJob | undefined>;
  /** Like `take`, for a job that must be there. */
  mustTake(daemon: DaemonRef): Promise<AttemptRef>;
  complete(attempt: AttemptRef, result?: ReportedResult): Promise<void>;
  heartbeat(attempt: AttemptRef, logs?: readonly LogLine[]): Promise<HeartbeatAnswer>;
  cancel(id: JobId): Promise<JobStatus | undefined>;
  sweep(change?: Partial<SweepOptions>): Promise<SweepResult>;
  /** As if looks had been made without a gap until now: silence may be judged. */
  watch(): Promise<void>;
  status(id: JobId): Promise<JobRow>;
}

export interface JobRow {
  readonly status: JobStatus;
  readonly attempt: number;
  readonly error_code: string | null;
  readonly daemon_id: DaemonId | null;
}

export const SUCCEEDED: JobResult = {
  outcome: 'succeeded',
  outputs: { url: 'http://localhost:1' },
};
export const FAILED: JobResult = { outcome: 'failed', error: 'it broke', errorCode: 'exit_1' };

export const TEST_LOG_LIMIT_BYTES = 1024 * 1024;

/** Without a bus: every look is made by hand. */
export const DEAF = { subscribe: () => () => undefined };

/** Looks often, and lets as many creations run as there are; a test that is about these says other. */
export const DISPATCH: GroupOptions = { pollMs: 1_000, maxCreations: 1_000 };

export function createQueue(
  store: TestStore,
  make: Factory,
  { bus = DEAF, ...dispatch }: Partial<GroupOptions & Pick<GroupDeps, 'bus'>> = {},
): TestQueue {
  const { kit, database } = store;
  const dispatcher = createDispatcher({ ...kit, database, bus }, { ...DISPATCH, ...dispatch });
  const reportAndTake = createReportAndTake({ ...kit, database });
  const agents = createAgentsTogether({ ...kit, database });
  const deps = {
    ...{ ...kit, ...completeDeps(store, database), bus, agents, dispatcher, reportAndTake },
  };
  const register = async (key: RegisteringKey, asked: RegisteringDaemon): Promise<TestDaemon> => {
    const { incarnation } = await registerDaemon(deps, key, asked);
    return { daemonId: asked.id, keyId: key.keyId, incarnation, key, asked };
  };
  const take = (daemon: DaemonRef): Promise<TakenJob | undefined> =>
    acquireJob(deps, daemon, { signal: new AbortController().signal, waitMs: 0 });
  const sweep = (change: Partial<SweepOptions> = {}): Promise<SweepResult> =>
    sweepJobs(deps, { ...SWEEP, ...change });
  return {
    deps,
    daemon: async (change = {}, given = {}) => {
      const key = { organizationId: null, tags: {}, ...given };
      const keyId = await make.key(key);
      return register(
        { ...key, keyId },
        {
          id: createId<DaemonId>(kit),
          name: 'daemon',
          machineId: 'machine',
          drivers: ['null'],
          tags: {},
          slots: 4,
          version: 'test',
          protocolVersion: 4,
          ...change,
        },
      );
    },
    restart: ({ key, asked }) => register(key, asked),
    take,
    mustTake: async (daemon) => {
      const job = await take(daemon);
      if (job === undefined) throw new Error('there was no job to take');
      return { daemon, jobId: job.id, attempt: job.attempt };
    },
    complete: async (attempt, result = SUCCEEDED) => {
      await completeJob(deps, attempt, result);
    },
    heartbeat: (attempt, logs = []) =>
      heartbeatJob({ database, logLimitBytes: TEST_LOG_LIMIT_BYTES }, attempt, logs),
    cancel: async (id) => (await database.transaction((tx) => cancelJob(kit, tx, id)))?.after,
    sweep,
    watch: async () => {
      await store.sql(
        `insert into watches (name, last_at, judging_from)
         select name, standby_now(), '-infinity' from unnest($1::text[]) as name
         on conflict (name) do update
         set last_at = excluded.last_at, judging_from = excluded.judging_from`,
        [['silent_jobs', 'unserved_jobs']],
      );
    },
    status: async (id) => {
      const [row] = await store.sql<JobRow>(
        'select status, attempt, error_code, daemon_id from jobs where id = $1',
        [id],
      );
      return row!;
    },
  };
}
