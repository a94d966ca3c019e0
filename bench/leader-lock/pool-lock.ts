// Three replicas fill one pool of five, once each: how many are there then.
import type pg from 'pg';
import type { ConnectionParts } from '../../src/store/database.ts';
import type { Stage } from '../support/bench.ts';
import { connect } from '../support/postgres.ts';

const ROUNDS = 200;

const WAYS = ['lock, then read', 'lock and read in one statement'] as const;
type Way = (typeof WAYS)[number];

export async function measurePoolLocks(stage: Stage, connection: ConnectionParts): Promise<void> {
  stage.print();
  stage.print(`A pool of 5, filled by 3 replicas at once, ${ROUNDS} rounds:`);
  for (const way of WAYS) stage.print(`  ${way}: ${await fillOften(stage, connection, way)}`);
}

async function fillOften(stage: Stage, connection: ConnectionParts, way: Way): Promise<string> {
  const admin = await connect(connection);
  await admin.query(`
    drop table if exists bench_members, bench_pools;
    create table bench_pools (id integer primary key);
    create table bench_members (pool_id integer);
    insert into bench_pools values (1)`);
  const replicas = await Promise.all([
    connect(connection),
    connect(connection),
    connect(connection),
  ]);
  const found = new Map<number, number>();
  for (let round = 0; round < ROUNDS; round++) {
    stage.signal.throwIfAborted();
    await admin.query('truncate bench_members');
    await Promise.all(replicas.map((client) => fill(client, way)));
    const { rows } = await admin.query<{ readonly live: number }>(
      'select count(*)::int as live from bench_members',
    );
    const live = rows[0]?.live ?? -1;
    found.set(live, (found.get(live) ?? 0) + 1);
  }
  await Promise.all([...replicas, admin].map((client) => client.end()));
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([live, rounds]) => `${live} live in ${rounds}`)
    .join(', ');
}

async function fill(client: pg.Client, way: Way): Promise<void> {
  await client.query('begin');
  if (way === 'lock, then read') {
    await client.query('select from bench_pools where id = 1 for no key update');
  }
  const lock = way === 'lock, then read' ? '' : 'for no key update of p';
  const { rows } = await client.query<{ readonly live: number }>(
    `select (select count(*)::int from bench_members m where m.pool_id = p.id) as live
     from bench_pools p where p.id = 1 ${lock}`,
  );
  await client.query('insert into bench_members select 1 from generate_series(1, $1)', [
    Math.max(5 - (rows[0]?.live ?? 5), 0),
  ]);
  await client.query('commit');
}
