// Which PostgreSQL and which database it is: older ones lack what the statements use, and what is no
// UTF-8 cannot hold what people are called.
import { AppError } from '../base/app-error.ts';
import { int, text } from './column.ts';
import { statement, takes, type Executor, type NoArgs } from './statement.ts';

const OLDEST_MAJOR = 15;

const readServerVersion = statement({
  name: 'server.version',
  takes: takes<NoArgs>(),
  gives: { number: int, name: text, encoding: text },
  sql: `
    select current_setting('server_version_num')::integer as number,
      current_setting('server_version') as name,
      current_setting('server_encoding') as encoding`,
});

/** Throws DATABASE_UNSUPPORTED for a server that is too old, and for a database that is not in UTF-8. */
export async function checkServerVersion(on: Executor): Promise<void> {
  const { number, name, encoding } = await readServerVersion.one(on, {});
  if (Math.floor(number / 10_000) < OLDEST_MAJOR) {
    throw new AppError('DATABASE_UNSUPPORTED', `the database is PostgreSQL ${name}`);
  }
  if (encoding === 'UTF8') return;
  throw new AppError('DATABASE_UNSUPPORTED', {
    detail: `the encoding of the database is ${encoding}`,
    hint: "Make one in UTF-8: create database standby encoding 'UTF8' template template0.",
  });
}
