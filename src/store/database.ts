// The connection pool and transactions. Nothing outside src/store touches pg.
import { OVER } from '../base/abort.ts';
import { AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { assertOutsideTransaction, runInsideTransaction } from '../base/transaction-scope.ts';
import pg from 'pg';
import { sendMessage } from './message.ts';
import type { Notice } from './notice.ts';
import { createOpenConnections } from './open-connections.ts';
import {
  openTransaction,
  toResult,
  type OpenTransaction,
  type TransactionMode,
} from './open-transaction.ts';
import { hasLostStatement, isBusy, isRetryable, isUnavailable } from './sqlstate.ts';
import type { Executor, Query, QueryResult } from './statement.ts';
import { limitMsOf, STATEMENT_TIMEOUT_MS } from './time-limit.ts';
import { translated } from './translated.ts';
import { wireTypes } from './wire-type.ts';

export interface Database extends Executor {
  /** The size of the pool. */
  readonly maxConnections: number;
  /** Runs one statement, which is a transaction by itself. It runs again after a deadlock. */
  query(query: Query): Promise<QueryResult>;
  /**
   * Runs `work` in one transaction and commits. It may run again after a deadlock or a serialization
   * failure, so it must have no effect but on the database. Its notices go out after the commit.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** A connection of its own, outside the pool, for LISTEN. The caller ends it. */
  connect(): Promise<pg.Client>;
  /** Receives what committed transactions announced. At most one receiver. */
  onNotices(receive: (notices: readonly Notice[]) => void): void;
  /** Sends notices about something that was already committed. */
  announce(notices: readonly Notice[]): void;
  /**
   * The same database by connections of its own, so that a crowd that uses them up keeps nobody here waiting. What it
   * commits is announced here. It closes with this one.
   */
  lane(maxConnections: number): Database;
  /** Called again, it waits for the same end. */
  close(): Promise<void>;
}

/** Within `Database.transaction`, which ends it. */
export type Transaction = Omit<OpenTransaction, 'end' | 'fail'>;

export interface TransactionOptions {
  /**
   * `write`, the default, is READ COMMITTED; `dry_run` is the same, and at the end everything is taken
   * back and nothing announced; `snapshot` is REPEATABLE READ READ ONLY.
   */
  readonly mode?: TransactionMode;
}

export interface DatabaseOptions {
  /** A connection string, or the parts of one. */
  readonly connection: string | ConnectionParts;
  readonly maxConnections: number;
  /** Shows in pg_stat_activity. */
  readonly applicationName: string;
  /** How long whoever finds every connection in use waits for one; 10 s unless given. */
  readonly turnTimeoutMs?: number;
}

export interface ConnectionParts {
  /** A host name, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
}

const SESSION = [
  // For what runs outside a transaction.
  String.raw`default_transaction_isolation=read\ committed`,
  // So that times come in the form that pg reads.
  'DateStyle=ISO',
  // A statement is planned once by a connection. PostgreSQL would plan it by its values five times, and for as long
  // as that seems to pay, which costs more than it saves: statements are written so that one plan is good for all
  // values (see unseen.ts and compile-sql.ts).
  'plan_cache_mode=force_generic_plan',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

interface Attempt<T> {
  readonly result: T;
  readonly notices: readonly Notice[];
}

const MAX_TRIES = 5;
const CONNECT_TIMEOUT_MS = 5_000;
// A crowd is served in turn, so its last ones wait although nothing is wrong. More would be for nobody: a
// request takes its turn a few times, and its caller waits 30 s.
const TURN_TIMEOUT_MS = 10_000;
// What runs when a program stops has had its own time to end.
const CLOSE_DEADLINE_MS = 3_000;

export function createDatabase(kit: Kit, options: DatabaseOptions): Database {
  const config = checkedConfig(options);
  const { maxConnections, turnTimeoutMs = TURN_TIMEOUT_MS } = options;
  const pool = new pg.Pool({
    ...config,
    max: maxConnections,
    idleTimeoutMillis: 30_000,
    // By one option the pool limits both the wait for a turn and that for a new connection, which is worth less.
    connectionTimeoutMillis: turnTimeoutMs,
    Client: class extends pg.Client {
      constructor() {
        super(config);
      }
    },
  });
  const noteLost =
    (event: string) =>
    (error: Error): void => {
      // Closed connections linger for moments, and a server that stops right after says so to them.
      if (closed === undefined) kit.log.warn(event, { error });
    };
  // An idle connection that dies is replaced at the next use; without a listener it ends the process.
  pool.on('error', noteLost('database.idle_connection_lost'));
  const pooled = createOpenConnections();
  // Each is listened to from its first moment on. The pool does so only until it lends one; a server that
  // ends it in the same breath as it welcomes it, would end this process.
  const broken = new WeakMap<pg.ClientBase, Error>();
  pool.on('connect', (client) => {
    pooled.add(client);
    client.on('error', (error) => broken.set(client, error));
  });
  const own = createOpenConnections();
  const lanes: Database[] = [];
  let closed: Promise<void> | undefined;

  let receive: (notices: readonly Notice[]) => void = () => undefined;

  /** How many times a connection came back unbroken. */
  let comebacks = 0;
  const checkOut = async (): Promise<pg.PoolClient> => {
    assertOutsideTransaction('taking a second connection');
    const before = comebacks;
    try {
      return await translated(() => pool.connect());
    } catch (error) {
      if (!isBusy(error)) throw error;
      throw comebacks > before
        ? noneFree(maxConnections, turnTimeoutMs)
        : noneAnswered(turnTimeoutMs);
    }
  };

  /** Lends a connection. One that broke, or that `discard` was called for, does not come back. */
  const lend = async <T>(
    use: (client: pg.PoolClient, discard: (why: Error) => void) => Promise<T>,
  ): Promise<T> => {
    const client = await checkOut();
    try {
      return await use(client, (why) => void broken.set(client, why));
    } finally {
      const why = broken.get(client);
      if (why === undefined) comebacks++;
      client.release(why ?? false);
    }
  };

  const runAlone = (query: Query): Promise<QueryResult> =>
    lend(async (client, discard) => {
      try {
        return toResult(await sendMessage(client, [query]));
      } catch (error) {
        // What PostgreSQL says no to is over. Anything else may still run, or ends the connection.
        const isOver = error instanceof pg.DatabaseError && !isUnavailable(error);
        if (!isOver) discard(error as Error);
        throw error;
      }
    });

  const attempt = <T>(
    work: (tx: Transaction) => Promise<T>,
    mode: TransactionMode,
  ): Promise<Attempt<T>> =>
    lend(async (client, discard) => {
      const notices: Notice[] = [];
      const tx = openTransaction(client, { mode, notices });
      try {
        const result = await runInsideTransaction(() => work(tx));
        await tx.end();
        return { result, notices: mode === 'dry_run' ? [] : notices };
      } catch (error) {
        tx.fail(error);
        // A connection that cannot roll back is thrown away, which rolls back. One that may not answer
        // any more is not asked: the caller would wait for a second time limit.
        if (isUnavailable(error) || hasLostStatement(error)) discard(error as Error);
        else await client.query('rollback').catch(discard);
        throw error;
      }
    });

  const retried = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await translated(work);
      } catch (error) {
        if (!isRetryable(error) || tries === MAX_TRIES) throw error;
        kit.log.debug('database.retried', { tries, error });
        // Full jitter, so that those who collided do not meet again.
        await kit.clock.sleep(kit.rng.next() * 10 * 2 ** tries);
      }
    }
  };

  const closeOwn = async (): Promise<void> => {
    const timer = new AbortController();
    const tooLate = kit.clock.sleep(CLOSE_DEADLINE_MS, timer.signal).catch(() => undefined);
    const ended = pool.end();
    await Promise.race([ended.then(() => pooled.ended()), tooLate]);
    timer.abort(OVER);
    pooled.cutOff();
    own.cutOff();
    await ended;
  };
  const closeAll = async (): Promise<void> => {
    await Promise.all([...lanes.map((lane) => lane.close()), closeOwn()]);
  };

  return {
    maxConnections,
    query: (query) => retried(() => runAlone(query)),
    transaction: async (work, { mode = 'write' } = {}) => {
      const { result, notices } = await retried(() => attempt(work, mode));
      if (notices.length > 0) receive(notices);
      return result;
    },
    connect: () =>
      translated(async () => {
        // Waiting is what such a connection is for; its user sets a limit where one is needed.
        const client = new pg.Client({ ...config, query_timeout: 0 });
        client.on('error', noteLost('database.connection_lost'));
        await client.connect();
        own.add(client);
        return client;
      }),
    onNotices: (receiver) => {
      receive = receiver;
    },
    announce: (notices) => {
      assertOutsideTransaction('announcing');
      receive(notices);
    },
    lane: (most) => {
      if (closed !== undefined) throw new Error('a lane of a database that is closed');
      const lane = createDatabase(kit, { ...options, maxConnections: most });
      lane.onNotices((notices) => receive(notices));
      lanes.push(lane);
      return lane;
    },
    close: () => (closed ??= closeAll()),
  };
}

function noneFree(connections: number, waitedMs: number): AppError {
  return new AppError('DATABASE_UNAVAILABLE', {
    detail: `none of the ${connections} connections to PostgreSQL became free within ${waitedMs / 1_000} s`,
    hint: 'Ask again. Where it comes back, see what slows PostgreSQL down, or raise STANDBY_DATABASE_MAX_CONNECTIONS, of which a third answers daemons.',
  });
}

/** The pool is as full where all of its connections hang, or are being made to what does not answer. */
function noneAnswered(waitedMs: number): AppError {
  return new AppError('DATABASE_UNAVAILABLE', {
    detail: `PostgreSQL could not be used: no connection answered within ${waitedMs / 1_000} s`,
  });
}

/** Throws CONFIG_INVALID for an address that cannot be used, or whose certificates cannot be read. */
function checkedConfig(options: DatabaseOptions): pg.ClientConfig {
  const config = clientConfig(options);
  try {
    new pg.Client(config); // which reads all of it, and is not connected
  } catch (cause) {
    const detail = `the address of the database cannot be used: ${(cause as Error).message}`;
    const hint = 'Correct STANDBY_DATABASE_URL.';
    throw new AppError('CONFIG_INVALID', { detail, hint }, { cause });
  }
  return config;
}

function clientConfig(options: DatabaseOptions): pg.ClientConfig {
  const where =
    typeof options.connection === 'string'
      ? { connectionString: options.connection }
      : options.connection;
  return {
    options: SESSION,
    ...where,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: limitMsOf(1),
    statement_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types: wireTypes,
    // A transaction whose process stopped in the middle must not hold its locks for ever.
    idle_in_transaction_session_timeout: 30_000,
  };
}
