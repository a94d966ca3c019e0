// A migrated database with the product's own connection pool on it, and a clock that tests can move.
import { createKit, type Kit } from '../../src/base/kit.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import { openKeyring, type Keyring } from '../../src/keys/keyring.ts';
import type { Notice } from '../../src/store/notice.ts';
import { createDatabase, type ConnectionParts, type Database } from '../../src/store/database.ts';
import type { CreateDeps } from '../../src/workspaces/order.ts';
import { createTestDatabase } from './postgres.ts';

export interface TestStore extends AsyncDisposable {
  readonly kit: Kit;
  readonly connection: ConnectionParts;
  readonly database: Database;
  readonly keyring: Keyring;
  /** Everything announced so far, while no notice bus has taken the receiver's place. */
  readonly announced: Notice[];
  /** Another connection pool on the same database, as another process would have; closed with the store. */
  open(maxConnections?: number): Database;
  /** Rows of any statement, by column name. */
  sql<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Moves the database's clock, which every statement reads. */
  advanceClock(ms: number): Promise<void>;
  close(): Promise<void>;
}

// A statement that is under way meanwhile sees the function, and no row.
const MOVABLE = `
  create unlogged table test_clock (ahead interval not null);
  insert into test_clock (ahead) values ('0');
  create or replace function standby_now() returns timestamptz
    language sql stable parallel safe
    return date_trunc('milliseconds', clock_timestamp() + coalesce((select ahead from test_clock), '0'));`;
const MOVE = "update test_clock set ahead = ahead + interval '$ms ms'";

/** What seals the test databases' data keys. */
export const TEST_SECRET_KEY = Buffer.alloc(32, 7);

/** What the parts of a control plane are made with. */
export function depsOf({
  kit,
  database,
  keyring,
}: Pick<TestStore, 'kit' | 'database' | 'keyring'>): CreateDeps {
  return { ...kit, database, keyring };
}

/** On the server of the run, which only vitest's own processes find by themselves. */
export async function openTestStore(
  log: Log = silentLog,
  server?: ConnectionParts,
): Promise<TestStore> {
  const testDatabase = await createTestDatabase({ server });
  const kit = createKit(log);
  const opened: Database[] = [];
  const open = (maxConnections = 10): Database => {
    const { connection } = testDatabase;
    const made = createDatabase(kit, { connection, maxConnections, applicationName: 'test' });
    opened.push(made);
    return made;
  };
  const database = open();
  const keyring = await openKeyring({ ...kit, database, secretKey: TEST_SECRET_KEY });
  const announced: Notice[] = [];
  database.onNotices((notices) => announced.push(...notices));
  const client = await database.connect();
  let clockMoves = false;
  // One connection does one thing at a time.
  let former: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = former.then(work, work);
    former = turn;
    return turn;
  };
  const close = async (): Promise<void> => {
    await client.end();
    await Promise.all(opened.map((each) => each.close()));
    await testDatabase.close();
  };
  return {
    kit,
    connection: testDatabase.connection,
    database,
    keyring,
    announced,
    open,
    sql: async <Row>(text: string, values: readonly unknown[] = []) =>
      (await inTurn(() => client.query(text, [...values]))).rows as Row[],
    advanceClock: async (ms) => {
      // In a row: another definition for every move would have every statement planned anew.
      const text = clockMoves ? MOVE : MOVABLE + MOVE;
      clockMoves = true;
      await inTurn(() => client.query(text.replace('$ms', String(ms))));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
