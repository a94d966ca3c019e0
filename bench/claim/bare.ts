// The smallest transaction that writes: begin, update one row, commit; each caller a row of its own.
import pg from 'pg';
import type { ConnectionParts } from '../../src/store/database.ts';
import type { Stage } from '../support/bench.ts';

export interface BareOptions {
  readonly connections: number;
  readonly rows: number;
}

/** Gives what updates the row of that number. */
export async function prepareBare(
  stage: Stage,
  connection: ConnectionParts,
  { connections, rows }: BareOptions,
): Promise<(row: number) => Promise<void>> {
  const pool = new pg.Pool({ ...connection, max: connections });
  pool.on('error', () => undefined); // shows in the next query
  stage.onEnd(() => pool.end());
  await pool.query('drop table if exists bench_rows');
  await pool.query('create table bench_rows (id integer primary key, times integer not null)');
  await pool.query('insert into bench_rows select id, 0 from generate_series(0, $1 - 1) as id', [
    rows,
  ]);
  return async (row) => {
    const client = await pool.connect();
    await client.query('begin');
    await client.query({
      name: 'bench.update',
      text: 'update bench_rows set times = times + 1 where id = $1',
      values: [row],
    });
    await client.query('commit');
    client.release();
  };
}
