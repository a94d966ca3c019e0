// Which PostgreSQL it is: older ones lack what the statements use.
import { AppError } from '../base/app-error.ts';
import { int, text } from './column.ts';
import { statement, takes, type Executor, type NoArgs } from './statement.ts';

const OLDEST_MAJOR = 15;

const readServerVersion = statement({
  name: 'server.version',
  takes: takes<NoArgs>(),
  gives: { number: int, name: text },
  sql: `
    select current_setting('server_version_num')::integer as number,
      current_setting('server_version') as name`,
});

/** Throws DATABASE_UNSUPPORTED for a server that is too old. */
export async function checkServerVersion(on: Executor): Promise<void> {
  const { number, name } = await readServerVersion.one(on, {});
  if (Math.floor(number / 10_000) >= OLDEST_MAJOR) return;
  throw new AppError('DATABASE_UNSUPPORTED', `the database is PostgreSQL ${name}`);
}
