// What two hundred daemons that wait for work cost a control plane (the program itself, as it is
// shipped) and its PostgreSQL: connections, and processor time over a minute more than without them.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { createClient } from '../src/client/client.ts';
import { createHttpControlPlane } from '../src/provisioner/control-plane.ts';
import { createDaemon } from '../src/provisioner/daemon.ts';
import { createNullDriver } from '../src/provisioner/drivers/null/driver.ts';
import type { ConnectionParts } from '../src/store/database.ts';
import { buildBin, startProgram } from '../test/support/program.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { renderTable } from './support/figures.ts';
import {
  findPostmaster,
  percent,
  sharesOver,
  type ProcessorShares,
} from './support/processor-shares.ts';
import { connect, startPostgres, tellPostgres, urlOf } from './support/postgres.ts';

const DAEMONS = 200;
const WINDOW_SECONDS = 60;
const SETTLE_SECONDS = 10;
/** By then each has seen its first wait end, and waits as long as it will from then on. */
const SETTLED_WAITING_SECONDS = 70;

export const bench = defineBench({
  name: 'waiting-daemons',
  summary: `what ${DAEMONS} waiting daemons cost: connections, and processor time over ${WINDOW_SECONDS} s; 4 min`,
  run: async (stage) => {
    const connection = await startPostgres(stage);
    await tellPostgres(stage, connection);
    await measure(stage, connection);
  },
});

async function measure(stage: Stage, connection: ConnectionParts): Promise<void> {
  const { kit, signal } = stage;
  const folder = await mkdtemp(path.join(tmpdir(), 'standby-bench-'));
  stage.onEnd(() => rm(folder, { recursive: true }));
  const dataDir = path.join(folder, 'control-plane');
  buildBin();
  const plane = startProgram(['server', '--data-dir', dataDir, '--log-level', 'error'], {
    environment: { STANDBY_DATABASE_URL: urlOf(connection), STANDBY_HTTP_PORT: '0' },
  });
  stage.onEnd(() => plane.end('SIGTERM'));
  const address = /serves at (\S+)/.exec(await plane.until('serves at'))?.[1] ?? '';
  const token = (await readFile(path.join(dataDir, 'provisioner.key'), 'utf8')).trim();
  const client = await connect(connection);
  stage.onEnd(() => client.end());
  const postmaster = await findPostmaster(client);
  const watch = async (afterSeconds: number): Promise<Cost> => {
    await kit.clock.sleep(afterSeconds * 1_000, signal);
    const cpu = await sharesOver(stage, {
      ...{ seconds: WINDOW_SECONDS, plane: plane.child.pid ?? 0, postgres: postmaster },
    });
    return { ...cpu, connections: await countConnections(client) };
  };

  const alone = await watch(SETTLE_SECONDS);
  for (let index = 0; index < DAEMONS; index += 1) {
    const daemon = createDaemon(kit, {
      folder: path.join(folder, `daemon-${index}`),
      name: `daemon-${index}`,
      version: 'bench',
      tags: {},
      concurrency: 1,
      drainMs: 0,
      controlPlane: createHttpControlPlane(createClient({ url: address, token })),
      drivers: [createNullDriver(kit)],
    });
    await daemon.start();
    stage.onEnd(() => daemon.stop('the bench is over', 5_000));
  }
  const waiting = await watch(SETTLED_WAITING_SECONDS);
  const { rows } = await client.query<{ seen: number }>(
    `select count(*)::int as seen
     from daemons
     where last_seen_at > standby_now() - interval '30 seconds'`,
  );
  if (rows[0]?.seen !== DAEMONS) throw new Error(`only ${rows[0]?.seen} daemons are there`);
  const row = (name: string, { plane: ofPlane, postgres, connections }: Cost): string[] => [
    name,
    percent(ofPlane),
    percent(postgres),
    String(connections),
  ];
  stage.print();
  stage.print(
    renderTable([
      ['share of a core', 'control plane', 'PostgreSQL', 'connections'],
      row('without daemons', alone),
      row(`${DAEMONS} daemons wait`, waiting),
      row('what they cost', {
        plane: waiting.plane - alone.plane,
        postgres: waiting.postgres - alone.postgres,
        connections: waiting.connections - alone.connections,
      }),
    ]),
  );
}

interface Cost extends ProcessorShares {
  readonly connections: number;
}

async function countConnections(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ connections: number }>(
    `select count(*)::int as connections
     from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );
  return rows[0]?.connections ?? Number.NaN;
}
