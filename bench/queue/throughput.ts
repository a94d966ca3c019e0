// Jobs per second that ten slots take and complete, beside other queues on the same PostgreSQL.
import { run as runGraphile, Logger, makeWorkerUtils, runMigrations } from 'graphile-worker';
import pg from 'pg';
import PgBoss from 'pg-boss';
import { createClient } from '../../src/client/client.ts';
import { provisionerRoutes } from '../../src/contract/provisioner/route.ts';
import type { Kit } from '../../src/base/kit.ts';
import { acquireJob } from '../../src/jobs/acquire-job.ts';
import { completeJob } from '../../src/jobs/complete-job.ts';
import { createDispatcher } from '../../src/jobs/dispatcher.ts';
import { createLoneJobFinisher } from '../../src/jobs/lone-job.ts';
import { registerBenchDaemon, serveDaemons } from './daemon.ts';
import type { BenchServer, Installation } from './installation.ts';

const SLOTS = 10;

/** Does `jobs` jobs that were queued before, and gives the milliseconds it took. */
type Contender = (jobs: number) => Promise<number>;

export interface Contenders extends AsyncDisposable {
  readonly byName: Readonly<Record<string, Contender>>;
}

const DEAF = { subscribe: () => () => undefined };

export async function prepareContenders(
  kit: Kit,
  server: BenchServer,
  installation: Installation,
): Promise<Contenders> {
  const graphile = await prepareGraphile(await server.createDatabase('graphile'));
  const boss = await preparePgBoss(await server.createDatabase('boss'));
  const http = await serveDaemons(kit, { ...installation, bus: DEAF }, 5_000);
  return {
    byName: {
      standby: (jobs) => runStandby(kit, installation, jobs),
      'graphile-worker': graphile.run,
      'pg-boss': boss.run,
      'standby through HTTP': (jobs) =>
        runHttp(kit, installation, { url: http.address().url, jobs }),
    },
    [Symbol.asyncDispose]: async () => {
      await http.stop('the bench is over', 5_000);
      await graphile.close();
      await boss.close();
    },
  };
}

async function runStandby(kit: Kit, installation: Installation, jobs: number): Promise<number> {
  const { database } = installation;
  const daemon = await registerBenchDaemon(kit, installation);
  await installation.queueJobs(jobs);
  const dispatcher = createDispatcher(
    { ...kit, database, bus: DEAF },
    { pollMs: 5_000, maxCreations: null },
  );
  const finishLoneJob = createLoneJobFinisher({ ...kit, database });
  const deps = { ...kit, database, dispatcher, keyring: installation.keyring, finishLoneJob };
  const { signal } = new AbortController();
  return timed(async () => {
    for (;;) {
      const job = await acquireJob(deps, daemon, { signal, waitMs: 0 });
      if (job === undefined) return;
      const attempt = { daemon, jobId: job.id, attempt: job.attempt };
      await completeJob(deps, attempt, { outcome: 'succeeded', outputs: {} });
    }
  });
}

async function runHttp(
  kit: Kit,
  installation: Installation,
  { url, jobs }: { readonly url: string; readonly jobs: number },
): Promise<number> {
  const { daemonId, incarnation } = await registerBenchDaemon(kit, installation);
  await installation.queueJobs(jobs);
  const client = createClient({ url, token: installation.key.secret });
  return timed(async () => {
    for (;;) {
      const { body: job } = await client.call(provisionerRoutes.acquireJob, {
        params: { daemon: daemonId },
        body: { incarnation, wait_ms: 0 },
      });
      if (job === null) return;
      await client.call(provisionerRoutes.completeJob, {
        params: { daemon: daemonId, job: job.id },
        body: {
          incarnation,
          attempt: job.attempt,
          result: { outcome: 'succeeded', outputs: {} },
        },
      });
    }
  });
}

interface Peer {
  readonly run: Contender;
  close(): Promise<void>;
}

async function prepareGraphile(connection: pg.PoolConfig): Promise<Peer> {
  const pgPool = new pg.Pool({ ...connection, max: SLOTS });
  // It asks for handlers of its own; what went wrong is told by what was asked.
  pgPool.on('error', () => undefined);
  pgPool.on('connect', (client) => void client.on('error', () => undefined));
  const logger = new Logger(() => () => undefined);
  await runMigrations({ pgPool, logger });
  const utils = await makeWorkerUtils({ pgPool, logger });
  return {
    run: async (jobs) => {
      await utils.addJobs(
        Array.from({ length: jobs }, () => ({ identifier: 'empty', payload: {} })),
      );
      await pgPool.query('analyze');
      let done = 0;
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const startedMs = performance.now();
      const runner = await runGraphile({
        pgPool,
        logger,
        concurrency: SLOTS,
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
      return tookMs;
    },
    close: async () => {
      await utils.release();
      await pgPool.end();
    },
  };
}

async function preparePgBoss(connection: pg.PoolConfig): Promise<Peer> {
  const boss = new PgBoss({
    ...connection,
    max: SLOTS,
    schedule: false,
  } as PgBoss.ConstructorOptions);
  await boss.start();
  await boss.createQueue('empty');
  const pool = new pg.Pool({ ...connection, max: 1 });
  return {
    run: async (jobs) => {
      await boss.insert(Array.from({ length: jobs }, () => ({ name: 'empty' })));
      await pool.query('analyze');
      return timed(async () => {
        for (;;) {
          const [job] = await boss.fetch('empty');
          if (job === undefined) return;
          await boss.complete('empty', job.id);
        }
      });
    },
    close: async () => {
      await pool.end();
      await boss.stop({ graceful: false });
    },
  };
}

async function timed(slot: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: SLOTS }, slot));
  return performance.now() - startedMs;
}
