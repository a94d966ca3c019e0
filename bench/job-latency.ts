// How long a job waits for an idle daemon: from its commit at one control plane until the
// daemon, which waits at another one, has it; and the same with every notice lost. Beside it what no
// queue on this PostgreSQL can do without: a bare NOTIFY to a listener, and one statement that commits.
import { once } from 'node:events';
import { createClient } from '../src/client/client.ts';
import { provisionerRoutes } from '../src/contract/provisioner/route.ts';
import { createNoticeBus, type NoticeBus } from '../src/store/notice-bus.ts';
import { defineBench, onStage, type Stage } from './support/bench.ts';
import { percentile, renderTable } from './support/figures.ts';
import { connect, startPostgres, tellPostgres } from './support/postgres.ts';
import { registerBenchDaemon, serveDaemons } from './queue/daemon.ts';
import { install, openDatabase, type Installation } from './queue/installation.ts';

const POLL_MS = 5_000;
const POSTS = 400;
const POSTS_UNHEARD = 8;

export const bench = defineBench({
  name: 'job-latency',
  summary: `from a job's commit until an idle daemon has it, over HTTP, with notices and without; 1 min`,
  run: async (stage) => {
    const connection = await startPostgres(stage);
    await tellPostgres(stage, connection);
    await measure(stage, await install(stage, connection));
  },
});

async function measure(stage: Stage, installation: Installation): Promise<void> {
  const { kit } = stage;
  const here = openDatabase(stage, installation.connection);
  const bus = createNoticeBus({ ...kit, database: here });
  const there = createNoticeBus({ ...kit, database: installation.database });
  await bus.start();
  await there.start();
  const listener = await connect(installation.connection);
  await listener.query('listen bench');
  const bare: number[] = [];
  const between = async (): Promise<void> => {
    const startedMs = performance.now();
    const heardOf = once(listener, 'notification');
    await installation.client.query(`select pg_notify('bench', '')`);
    await heardOf;
    await listener.query(
      `insert into watches values (gen_random_uuid()::text, standby_now(), standby_now())`,
    );
    bare.push(performance.now() - startedMs);
  };
  const heard = await onStage(stage, (inner) =>
    post(inner, installation, { here, bus, posts: POSTS, between }),
  );
  await listener.end();
  const deaf: Pick<NoticeBus, 'subscribe'> = { subscribe: () => () => undefined };
  const unheard = await onStage(stage, (inner) =>
    post(inner, installation, {
      ...{ here, bus: deaf, posts: POSTS_UNHEARD, between: () => Promise.resolve() },
    }),
  );
  await there.stop('the bench is over', 5_000);
  await bus.stop('the bench is over', 5_000);
  const row = (name: string, ms: readonly number[]): readonly string[] => [
    name,
    String(ms.length),
    ...[0.5, 0.99, 1].map((share) => percentile(ms, share).toFixed(1)),
  ];
  stage.print();
  stage.print(
    renderTable([
      ['milliseconds', 'times', 'p50', 'p99', 'most'],
      row('posted → taken by an idle daemon', heard),
      row('a bare NOTIFY and a commit', bare),
      row(`notices cut, polling every ${POLL_MS} ms`, unheard),
    ]),
  );
}

async function post(
  stage: Stage,
  installation: Installation,
  plane: {
    readonly here: Installation['database'];
    readonly bus: Pick<NoticeBus, 'subscribe'>;
    readonly posts: number;
    readonly between: () => Promise<void>;
  },
): Promise<readonly number[]> {
  const { kit, signal } = stage;
  const { daemonId, incarnation } = await registerBenchDaemon(kit, installation);
  const server = await serveDaemons(
    stage,
    { ...installation, database: plane.here, bus: plane.bus },
    POLL_MS,
  );
  const client = createClient({ url: server.address().url, token: installation.key.secret });
  const tookMs: number[] = [];
  for (let posted = 0; posted < plane.posts; posted += 1) {
    signal.throwIfAborted();
    await plane.between();
    const waiting = client.call(provisionerRoutes.acquireJob, {
      params: { daemon: daemonId },
      body: { incarnation, wait_ms: 60_000 },
    });
    await kit.clock.sleep(10 + 10 * kit.rng.next()); // it waits by then
    await installation.queueJobs(1);
    const startedMs = performance.now();
    installation.database.announce([
      { kind: 'queue', organizationId: installation.organizationId, driver: 'null' },
    ]);
    const { body: job } = await waiting;
    tookMs.push(performance.now() - startedMs);
    if (job === null) throw new Error('the job did not come');
    await client.call(provisionerRoutes.completeJob, {
      params: { daemon: daemonId, job: job.id },
      body: { incarnation, attempt: job.attempt, result: { outcome: 'succeeded', outputs: {} } },
    });
  }
  return tookMs;
}
