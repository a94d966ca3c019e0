// The start of a transaction. It goes to PostgreSQL together with the transaction's first statement, which saves one of
// the three turns that a short transaction takes, and one wake-up on each side.
import type pg from 'pg';
import { Query as PgQuery } from 'pg';

const BEGIN = {
  // Said every time: a server, a database or a role may have another default, and under a stricter
  // one whoever waited for a lock goes on in the world as it was before.
  write: 'begin isolation level read committed',
  dry_run: 'begin isolation level read committed',
  snapshot: 'begin isolation level repeatable read read only',
} as const;

export type TransactionMode = keyof typeof BEGIN;

const nameOf = (mode: TransactionMode): string => `transaction.begin_${mode}`;

/** Connections on which it is a prepared statement by now. */
const known: Readonly<Record<TransactionMode, WeakSet<pg.ClientBase>>> = {
  write: new WeakSet(),
  dry_run: new WeakSet(),
  snapshot: new WeakSet(),
};

export function canBeginWith(client: pg.ClientBase, mode: TransactionMode): boolean {
  return known[mode].has(client);
}

export async function begin(client: pg.ClientBase, mode: TransactionMode): Promise<void> {
  await client.query({ name: nameOf(mode), text: BEGIN[mode] });
  known[mode].add(client);
}

/**
 * What pg's own query does to send itself, between the cork and the uncork of its stream: of this its types say nothing.
 * test/db/begin.test.ts counts what is sent, and notices a pg that does it otherwise.
 */
interface Preparing {
  prepare(connection: Connection): void;
}
interface Connection {
  bind(portal: { readonly statement: string }): void;
  execute(portal: object): void;
}

/**
 * Begins, and runs the statement, in one message: where it cannot begin, the statement does not run. Only where
 * `canBeginWith` says so.
 */
export async function beginWith(
  client: pg.ClientBase,
  mode: TransactionMode,
  config: pg.QueryArrayConfig,
): Promise<pg.QueryArrayResult> {
  const ended = new Promise<readonly [begin: unknown, result: pg.QueryArrayResult]>(
    (resolve, reject) => {
      const query = new PgQuery(
        { ...config, queryMode: 'extended' } as pg.QueryConfig,
        (error: Error | undefined, results: unknown) => {
          if (error) reject(error);
          else resolve(results as [unknown, pg.QueryArrayResult]);
        },
      ) as PgQuery & Preparing;
      const prepare = query.prepare.bind(query);
      // Up to the one Sync at the end of a query PostgreSQL skips whatever follows a failure.
      query.prepare = (connection) => {
        connection.bind({ statement: nameOf(mode) });
        connection.execute({});
        prepare(connection);
      };
      client.query(query);
    },
  );
  try {
    const [, result] = await ended;
    return result;
  } catch (error) {
    // As pg does, so that it tells whose statement it was and not which socket was read.
    Error.captureStackTrace(error as Error);
    throw error;
  }
}
