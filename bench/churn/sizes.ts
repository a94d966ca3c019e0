// How large every table and every index of the product is.
import type pg from 'pg';

export interface Size {
  /** Of the table, or of an index as `table.index`. */
  readonly name: string;
  readonly bytes: number;
}

/** Tables by themselves, with what is stored out of line, and each of their indexes. */
export async function readSizes(client: pg.Client): Promise<readonly Size[]> {
  const { rows } = await client.query<Size>(
    `select relname as name, pg_table_size(relid)::float8 as bytes
     from pg_stat_user_tables
     union all
     select relname || '.' || indexrelname, pg_relation_size(indexrelid)::float8
     from pg_stat_user_indexes
     order by name`,
  );
  return rows;
}

/** What there is of what comes and goes, to see that it goes. */
export async function countRows(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ readonly count: string }>(
    'select count(*) from workspaces',
  );
  return Number(rows[0]?.count);
}
