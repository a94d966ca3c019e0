// Statements that go to PostgreSQL in one message. Each but the last saves a turn: the way there and back, and a
// wake-up on either side.
import pg, { Query as PgQuery } from 'pg';
import type { Query } from './statement.ts';
import { limitMsOf } from './time-limit.ts';

/**
 * What each connection has prepared, by name, with how it reads their rows: what these are like is asked for once. Of a
 * message, only the last statement may be new to it.
 */
const prepared = new WeakMap<pg.ClientBase, Map<string, Reading>>();

/**
 * What pg's own query does to send itself, between the cork and the uncork of its stream, and with what comes back: of this
 * its types say nothing. test/db/message.test.ts counts what is sent, and notices a pg that does it otherwise.
 */
interface Internals {
  query_timeout: number | undefined;
  prepare(connection: Connection): void;
  handleDataRow(row: unknown): void;
  handleCommandComplete(told: unknown, connection: Connection): void;
  _accumulateRows: boolean;
  readonly _result: Reading;
}
interface Reading {
  fields: readonly pg.FieldDef[];
  _parsers: readonly ((value: string) => unknown)[] | undefined;
}
interface Connection {
  bind(portal: Portal): void;
  execute(portal: object): void;
  sync(): void;
}
interface Portal {
  readonly statement: string;
  readonly values: readonly unknown[];
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
 * Whatever the others give is not read.
 */
export async function sendMessage(
  client: pg.ClientBase,
  message: readonly Query[],
): Promise<pg.QueryArrayResult> {
  const { name } = message.at(-1) as Query;
  const known = prepared.get(client) ?? new Map<string, Reading>();
  try {
    const result = await send(client, message, known.get(name));
    if (name !== '' && !known.has(name)) {
      // Nothing else of it: its rows may be many, and a connection lasts.
      const { fields, _parsers } = result;
      prepared.set(client, known.set(name, { fields, _parsers }));
    }
    return result;
  } catch (error) {
    // As pg does, so that it tells whose statement it was and not which socket was read.
    Error.captureStackTrace(error as Error);
    throw error;
  }
}

function send(
  client: pg.ClientBase,
  message: readonly Query[],
  known: Reading | undefined,
): Promise<pg.QueryArrayResult & Reading> {
  // Before anything is sent: what cannot be told would leave PostgreSQL waiting for the rest.
  const portals = message.map(({ name, values }): Portal => ({
    statement: name,
    values: values.map(prepareValue),
  }));
  const [last, ahead] = [portals.at(-1) as Portal, portals.slice(0, -1)];
  return new Promise((resolve, reject) => {
    const { text, values } = message.at(-1) as Query;
    const query = new PgQuery(
      {
        name: last.statement,
        text,
        values: [...values],
        rowMode: 'array',
        queryMode: 'extended',
      } as pg.QueryConfig,
      (error: Error | undefined, result: unknown) => {
        if (error) reject(error);
        else resolve(result as pg.QueryArrayResult & Reading);
      },
    ) as PgQuery & Internals;
    if (ahead.length > 0) query.query_timeout = limitMsOf(message.length);
    const prepare = query.prepare.bind(query);
    // Up to the one Sync at the end of a query PostgreSQL skips whatever follows a failure.
    query.prepare = (connection) => {
      for (const portal of ahead) {
        connection.bind(portal);
        connection.execute({});
      }
      if (known === undefined) {
        prepare(connection);
        return;
      }
      connection.bind(last);
      connection.execute({});
      connection.sync();
    };
    if (known !== undefined) {
      Object.assign(query._result, known);
      query._accumulateRows = true;
    }
    let aheadToCome = ahead.length;
    const [handleRow, handleComplete] = [
      query.handleDataRow.bind(query),
      query.handleCommandComplete.bind(query),
    ];
    // What was sent ahead may give rows without columns, and would be a result of its own.
    query.handleDataRow = (row) => {
      if (aheadToCome === 0) handleRow(row);
    };
    query.handleCommandComplete = (told, connection) => {
      if (aheadToCome === 0) handleComplete(told, connection);
      else aheadToCome -= 1;
    };
    client.query(query);
  });
}
