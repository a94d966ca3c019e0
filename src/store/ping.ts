// Whether the database answers.
import { int } from './column.ts';
import { statement, takes, type Executor, type NoArgs } from './statement.ts';

const select = statement({
  name: 'database.ping',
  takes: takes<NoArgs>(),
  gives: { one: int },
  sql: `select 1 as one`,
});

/** Throws DATABASE_UNAVAILABLE when it does not answer. */
export async function ping(on: Executor): Promise<void> {
  await select.one(on, {});
}
