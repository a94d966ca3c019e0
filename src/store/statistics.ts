// What PostgreSQL's planner believes to be in the tables. It plans by what was there when it last looked, and looks
// once in a minute at most (autovacuum_naptime): in that minute a new installation may make thousands of workspaces,
// while plans take every table for an almost empty one and read all of it.
import { text } from './column.ts';
import { statement, takes, type Executor, type NoArgs } from './statement.ts';

/** Fewer are read in no time by whatever plan. */
const FEW_ROWS = 200;

/** Less is a plan's to bear: each look has every connection plan anew all that it asks of the table. */
const GROWN_BY = 5;

/** A `from` of tables with many times the rows that the planner knows of, each as `s`. */
export const FROM_OUTGROWN = `from pg_stat_user_tables s
    join pg_class c on c.oid = s.relid
    where s.schemaname = current_schema()
      and s.n_live_tup > ${FEW_ROWS}
      and s.n_live_tup >= ${GROWN_BY} * c.reltuples
      and pg_has_role(c.relowner, 'usage')`;

export const listOutgrown = statement({
  name: 'statistics.list_outgrown',
  takes: takes<NoArgs>(),
  gives: { table: text },
  sql: `
    select quote_ident(s.relname) as table
    ${FROM_OUTGROWN}
    order by s.relname`,
});

/** Plans are made anew by what is there now. Does nothing where somebody is at it already. The name is quoted. */
export async function renewStatistics(on: Executor, table: string): Promise<void> {
  // Not among the registered statements: a table's name cannot be a parameter.
  await on.query({ name: '', text: `analyze (skip_locked) ${table}`, values: [] });
}
