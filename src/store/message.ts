// Statements that go to PostgreSQL in one message. Each but the last saves a turn: the way there and back, and a
// wake-up on either side.
import pg, { Query as PgQuery } from 'pg';
import type { Query } from './statement.ts';
import { limitMsOf } from './time-limit.ts';

/** What each connection has prepared, by name. Of a message, only the last statement may be new to it. */
const prepared = new WeakMap<pg.ClientBase, Set<string>>();

/**
 * What pg's own query does to send itself, between the cork and the uncork of its stream: of this its types say nothing.
 * test/db/message.test.ts counts what is sent, and notices a pg that does it otherwise.
 */
interface Preparing {
  query_timeout: number;
  prepare(connection: Connection): void;
}
interface Connection {
  bind(portal: { readonly statement: string; readonly values: readonly unknown[] }): void;
  execute(portal: object): void;
}
const { prepareValue } = (
  pg as unknown as { readonly utils: { readonly prepareValue: (value: unknown) => unknown } }
).utils;

/** The statements, in their order, in as few messages as this connection can take them. */
export function* inMessages(
  client: pg.ClientBase,
  statements: readonly Query[],
): Generator<readonly Query[]> {
  let message: Query[] = [];
  for (const [index, statement] of statements.entries()) {
    message.push(statement);
    const isLast = index === statements.length - 1;
    if (!isLast && prepared.get(client)?.has(statement.name) === true) continue;
    yield message;
    message = [];
  }
}

/**
 * Runs the statements of a message and gives what the last one gives. What comes behind one that fails does not run.
 * The others must give no rows.
 */
export async function sendMessage(
  client: pg.ClientBase,
  message: readonly Query[],
): Promise<pg.QueryArrayResult> {
  const ahead = message.slice(0, -1);
  const { name, text, values } = message.at(-1) as Query;
  const config: pg.QueryArrayConfig = { name, text, values: [...values], rowMode: 'array' };
  const result = await (ahead.length === 0
    ? client.query<unknown[]>(config)
    : sendBehind(client, ahead, config));
  if (name !== '') prepared.set(client, (prepared.get(client) ?? new Set()).add(name));
  return result;
}

async function sendBehind(
  client: pg.ClientBase,
  ahead: readonly Query[],
  config: pg.QueryArrayConfig,
): Promise<pg.QueryArrayResult> {
  // Before anything is sent: what cannot be told would leave PostgreSQL waiting for the rest.
  const portals = ahead.map(({ name, values }) => ({
    statement: name,
    values: values.map(prepareValue),
  }));
  const ended = new Promise<readonly pg.QueryArrayResult[]>((resolve, reject) => {
    const query = new PgQuery(
      { ...config, queryMode: 'extended' } as pg.QueryConfig,
      (error: Error | undefined, results: unknown) => {
        if (error) reject(error);
        else resolve(results as readonly pg.QueryArrayResult[]);
      },
    ) as PgQuery & Preparing;
    query.query_timeout = limitMsOf(ahead.length + 1);
    const prepare = query.prepare.bind(query);
    // Up to the one Sync at the end of a query PostgreSQL skips whatever follows a failure.
    query.prepare = (connection) => {
      for (const portal of portals) {
        connection.bind(portal);
        connection.execute({});
      }
      prepare(connection);
    };
    client.query(query);
  });
  try {
    return (await ended).at(-1) as pg.QueryArrayResult;
  } catch (error) {
    // As pg does, so that it tells whose statement it was and not which socket was read.
    Error.captureStackTrace(error as Error);
    throw error;
  }
}
