// Jobs per second that slots take and complete, beside other queues on the same PostgreSQL.
import { run as runGraphile, Logger, makeWorkerUtils, runMigrations } from 'graphile-worker';
import pg from 'pg';
import PgBoss from 'pg-boss';
import { createClient } from '../../src/client/client.ts';
import { provisionerRoutes } from '../../src/contract/provisioner/route.ts';
import { createId, type AcquireCallId } from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import { acquireJob } from '../../src/jobs/acquire-job.ts';
import { completeAndAcquire } from '../../src/jobs/complete-and-acquire.ts';
import { createDispatcher } from '../../src/jobs/dispatcher.ts';
import { createReportAndTake } from '../../src/jobs/report-and-take.ts';
import { completeDeps } from '../../test/support/complete-deps.ts';
import { registerBenchDaemon, serveDaemons } from './daemon.ts';
import type { ConnectionParts } from '../../src/store/database.ts';
import type { Stage } from '../support/bench.ts';
import { createSibling } from '../support/postgres.ts';
import { install, type Installation } from './installation.ts';

/** Connections of each. */
const CONNECTIONS = 10;

export const STANDBY = 'standby';
export const GRAPHILE = 'graphile-worker';

export interface Work {
  readonly jobs: number;
  /** As many are at work at once. */
  readonly slots: number;
}

/** Queues the jobs, does them, and gives how many a second were done. */
type Contender = (work: Work) => Promise<number>;

const DEAF = { subscribe: () => () => undefined };

const SUCCEEDED = { outcome: 'succeeded', outputs: {} } as const;

/**
 * All of them take and complete job by job, over ten connections. A slot of Standby's asks for the next job as it
 * reports a result, as daemons do.
 */
export async function prepareContenders(
  stage: Stage,
  connection: ConnectionParts,
): Promise<Readonly<Record<string, Contender>>> {
  const { kit } = stage;
  const installation = await install(stage, connection);
  const http = await serveDaemons(stage, { ...installation, bus: DEAF }, 5_000);
  const { url } = http.address();
  return {
    [STANDBY]: (work) => runStandby(kit, installation, work),
    [GRAPHILE]: await prepareGraphile(stage, await createSibling(connection, 'graphile')),
    'pg-boss': await preparePgBoss(stage, await createSibling(connection, 'boss')),
    'standby through HTTP': (work) => runHttp(kit, installation, { url, work }),
  };
}

async function runStandby(kit: Kit, installation: Installation, work: Work): Promise<number> {
  const { database } = installation;
  const daemon = await registerBenchDaemon(kit, installation);
  await installation.queueJobs(work.jobs);
  const dispatcher = createDispatcher(
    { ...kit, database, bus: DEAF },
    { pollMs: 5_000, maxCreations: null },
  );
  const reportAndTake = createReportAndTake({ ...kit, database });
  const deps = {
    ...kit,
    ...completeDeps({ kit, ...installation }, database),
    dispatcher,
    reportAndTake,
  };
  const { signal } = new AbortController();
  const nextCall = () => ({ callId: createId<AcquireCallId>(kit), signal });
  return timed(work, async () => {
    let job = await acquireJob(deps, daemon, { signal, waitMs: 0 });
    while (job !== undefined) {
      const attempt = { daemon, jobId: job.id, attempt: job.attempt };
      job = await completeAndAcquire(deps, { attempt, result: SUCCEEDED }, nextCall());
    }
  });
}

async function runHttp(
  kit: Kit,
  installation: Installation,
  { url, work }: { readonly url: string; readonly work: Work },
): Promise<number> {
  const { daemonId, incarnation } = await registerBenchDaemon(kit, installation);
  await installation.queueJobs(work.jobs);
  const client = createClient({ url, token: installation.key.secret });
  return timed(work, async () => {
    let { body: job } = await client.call(provisionerRoutes.acquireJob, {
      params: { daemon: daemonId },
      body: { incarnation, wait_ms: 0 },
    });
    while (job !== null) {
      const { attempt } = job;
      ({ body: job } = await client.call(provisionerRoutes.completeJob, {
        params: { daemon: daemonId, job: job.id },
        body: { incarnation, attempt, result: SUCCEEDED, next: { call_id: createId(kit) } },
      }));
    }
  });
}

async function prepareGraphile(stage: Stage, connection: ConnectionParts): Promise<Contender> {
  const pgPool = new pg.Pool({ ...connection, max: CONNECTIONS });
  // It asks for handlers of its own; what went wrong is told by what was asked.
  pgPool.on('error', () => undefined);
  pgPool.on('connect', (client) => void client.on('error', () => undefined));
  const logger = new Logger(() => () => undefined);
  await runMigrations({ pgPool, logger });
  const utils = await makeWorkerUtils({ pgPool, logger });
  stage.onEnd(async () => {
    await utils.release();
    await pgPool.end();
  });
  return async ({ jobs, slots }) => {
    await utils.addJobs(Array.from({ length: jobs }, () => ({ identifier: 'empty', payload: {} })));
    await pgPool.query('analyze');
    let done = 0;
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const startedMs = performance.now();
    const runner = await runGraphile({
      pgPool,
      logger,
      concurrency: slots,
      noHandleSignals: true,
      taskList: { empty: () => undefined },
    });
    runner.events.on('job:complete', () => {
      done += 1;
      if (done === jobs) finish();
    });
    await finished;
    const tookMs = performance.now() - startedMs;
    await runner.stop();
    return perSecond(jobs, tookMs);
  };
}

async function preparePgBoss(stage: Stage, connection: ConnectionParts): Promise<Contender> {
  const boss = new PgBoss({
    ...connection,
    max: CONNECTIONS,
    schedule: false,
  });
  await boss.start();
  await boss.createQueue('empty');
  const pool = new pg.Pool({ ...connection, max: 1 });
  stage.onEnd(async () => {
    await pool.end();
    await boss.stop({ graceful: false });
  });
  return async (work) => {
    await boss.insert(Array.from({ length: work.jobs }, () => ({ name: 'empty' })));
    await pool.query('analyze');
    return timed(work, async () => {
      for (;;) {
        const [job] = await boss.fetch('empty');
        if (job === undefined) return;
        await boss.complete('empty', job.id);
      }
    });
  };
}

async function timed({ jobs, slots }: Work, slot: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: slots }, slot));
  return perSecond(jobs, performance.now() - startedMs);
}

function perSecond(jobs: number, tookMs: number): number {
  return (jobs / tookMs) * 1_000;
}
