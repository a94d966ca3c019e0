// How long a job waits for an idle daemon: from its commit at one control plane until the
// daemon, which waits at another one, has it; and the same with every notice lost. Beside it what no
// queue on this PostgreSQL can do without: a bare NOTIFY to a listener, and one statement that commits.
import { once } from 'node:events';
import pg from 'pg';
import { createClient } from '../../src/client/client.ts';
import { provisionerRoutes } from '../../src/contract/provisioner/route.ts';
import type { Kit } from '../../src/base/kit.ts';
import { createNoticeBus, type NoticeBus } from '../../src/store/notice-bus.ts';
import { registerBenchDaemon, serveDaemons } from './daemon.ts';
import { openDatabase, type Installation } from './installation.ts';

const POLL_MS = 5_000;
const POSTS = 400;
const POSTS_UNHEARD = 8;

export async function measureLatency(
  kit: Kit,
  installation: Installation,
): Promise<readonly string[]> {
  const here = openDatabase(kit, installation.connection);
  const bus = createNoticeBus({ ...kit, database: here });
  const there = createNoticeBus({ ...kit, database: installation.database });
  await bus.start();
  await there.start();
  const listener = new pg.Client(installation.connection);
  await listener.connect();
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
  const heard = await post(kit, installation, { here, bus, posts: POSTS, between });
  await listener.end();
  const deaf: Pick<NoticeBus, 'subscribe'> = { subscribe: () => () => undefined };
  const unheard = await post(kit, installation, {
    ...{ here, bus: deaf, posts: POSTS_UNHEARD, between: () => Promise.resolve() },
  });
  await there.stop('the bench is over', 5_000);
  await bus.stop('the bench is over', 5_000);
  await here.close();
  return [
    `posted → taken by an idle daemon: p50 ${quantile(heard, 0.5)}, p99 ${quantile(heard, 0.99)}, max ${quantile(heard, 1)} (${POSTS} jobs)`,
    `a bare NOTIFY and a commit at the same times: p50 ${quantile(bare, 0.5)}, p99 ${quantile(bare, 0.99)}, max ${quantile(bare, 1)}`,
    `with notices cut, polling every ${POLL_MS} ms: p50 ${quantile(unheard, 0.5)}, max ${quantile(unheard, 1)} (${POSTS_UNHEARD} jobs)`,
  ];
}

async function post(
  kit: Kit,
  installation: Installation,
  plane: {
    readonly here: Installation['database'];
    readonly bus: Pick<NoticeBus, 'subscribe'>;
    readonly posts: number;
    readonly between: () => Promise<void>;
  },
): Promise<readonly number[]> {
  const { daemonId, incarnation } = await registerBenchDaemon(kit, installation);
  const server = await serveDaemons(
    kit,
    { ...installation, database: plane.here, bus: plane.bus },
    POLL_MS,
  );
  const client = createClient({ url: server.address().url, token: installation.key.secret });
  const tookMs: number[] = [];
  for (let posted = 0; posted < plane.posts; posted += 1) {
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
  await server.stop('the bench is over', 5_000);
  return tookMs;
}

function quantile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return `${(value ?? Number.NaN).toFixed(1)} ms`;
}
