// Statements that go to PostgreSQL in one message. Each but the last saves a turn: the way there and back, and a
// wake-up on either side.
import pg, { Query as PgQuery } from 'pg';
import type { Query } from './statement.ts';

/** What each connection has prepared, by name. Of a message, only the last statement may be new to it. */
const prepared = new WeakMap<pg.ClientBase, Set<string>>();

/**
 * What pg's own query does to send itself, between the cork and the uncork of its stream: of this its types say nothing.
 * test/db/message.test.ts counts what is sent, and notices a pg that does it otherwise.
 */
interface Preparing {
  prepare(connection: Connection): void;
}
interface Connection {
  bind(portal: {
    readonly statement: string;
    readonly values: readonly unknown[];
    readonly valueMapper: (value: unknown) => unknown;
  }): void;
  execute(portal: object): void;
}
const { prepareValue } = (
  pg as unknown as { readonly utils: { readonly prepareValue: (value: unknown) => unknown } }
).utils;

/**
 * Runs them in their order, in as few messages as this connection can take them, and gives what the last one gives.
 * What comes behind one that fails does not run. The others must give no rows.
 */
export async function runInOrder(
  client: pg.ClientBase,
  ahead: readonly Query[],
  last: Query,
): Promise<pg.QueryArrayResult> {
  const known = prepared.get(client) ?? new Set();
  prepared.set(client, known);
  let message: Query[] = [];
  for (const query of ahead) {
    if (known.has(query.name)) {
      message.push(query);
      continue;
    }
    await send(client, message, query);
    note(known, query);
    message = [];
  }
  const result = await send(client, message, last);
  note(known, last);
  return result;
}

function note(known: Set<string>, { name }: Query): void {
  if (name !== '') known.add(name);
}

function send(
  client: pg.ClientBase,
  ahead: readonly Query[],
  { name, text, values }: Query,
): Promise<pg.QueryArrayResult> {
  const config: pg.QueryArrayConfig = { name, text, values: [...values], rowMode: 'array' };
  return ahead.length === 0 ? client.query(config) : sendBehind(client, ahead, config);
}

async function sendBehind(
  client: pg.ClientBase,
  ahead: readonly Query[],
  config: pg.QueryArrayConfig,
): Promise<pg.QueryArrayResult> {
  const ended = new Promise<readonly pg.QueryArrayResult[]>((resolve, reject) => {
    const query = new PgQuery(
      { ...config, queryMode: 'extended' } as pg.QueryConfig,
      (error: Error | undefined, results: unknown) => {
        if (error) reject(error);
        else resolve(results as readonly pg.QueryArrayResult[]);
      },
    ) as PgQuery & Preparing;
    const prepare = query.prepare.bind(query);
    // Up to the one Sync at the end of a query PostgreSQL skips whatever follows a failure.
    query.prepare = (connection) => {
      for (const { name, values } of ahead) {
        connection.bind({ statement: name, values, valueMapper: prepareValue });
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
