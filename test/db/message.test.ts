// What goes to PostgreSQL in one message: a transaction begins with its first statement, and what nobody waits for goes
// with what comes next. Also on a connection that has done it before.
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readCounters } from '../../src/store/counter.ts';
import { createDatabase, type Database, type Transaction } from '../../src/store/database.ts';
import { sendMessage } from '../../src/store/message.ts';
import type { Executor, Query, QueryResult } from '../../src/store/statement.ts';
import { createDeferred } from '../support/deferred.ts';
import { openTestStore, type TestStore } from '../support/store.ts';
import { written } from '../support/written.ts';

let store: TestStore;
/** Of one connection, which has begun a transaction of each kind before. */
let database: Database;

const run = (on: Executor, text: string): Promise<QueryResult> =>
  on.query({ name: '', text, values: [] });
const valueOf = async (on: Executor, text: string): Promise<unknown> =>
  (await run(on, text)).rows[0]?.[0];
const bodies = async (): Promise<readonly unknown[]> =>
  (await store.sql<{ body: string }>('select body from notes order by id')).map(({ body }) => body);

beforeAll(async () => {
  store = await openTestStore();
  await store.sql('create table notes (id integer primary key, body text not null)');
  database = store.open(1);
  for (const mode of ['write', 'dry_run', 'snapshot'] as const) {
    await database.transaction((tx) => run(tx, 'select'), { mode });
  }
});
beforeEach(() => store.sql('truncate notes'));
afterAll(() => store.close());

describe('a transaction on a connection that has begun others', () => {
  it('is undone with its first statement', async () => {
    const failed = database.transaction(async (tx) => {
      await run(tx, `insert into notes values (1, 'lost')`);
      throw new Error('not that way');
    });
    await expect(failed).rejects.toThrow('not that way');
    expect(await bodies()).toEqual([]);
  });

  it('gives what its first statement gives, with values and without', async () => {
    const given = await database.transaction(async (tx) => [
      await tx.query({ name: 'test.two', text: 'select $1::integer, 2', values: [1] }),
      await run(tx, `insert into notes values (1, 'a'), (2, 'b')`),
    ]);
    expect(given.map(({ rows, rowCount }) => [rows, rowCount])).toEqual([
      [[[1, 2]], 1],
      [[], 2],
    ]);
    const again = database.transaction((tx) => run(tx, `update notes set body = 'c'`));
    expect(await again).toMatchObject({ rowCount: 2 });
  });

  it('is of its kind', async () => {
    const isolation = 'show transaction_isolation';
    expect(await database.transaction((tx) => valueOf(tx, isolation))).toBe('read committed');
    const snapshot = { mode: 'snapshot' } as const;
    expect(await database.transaction((tx) => valueOf(tx, isolation), snapshot)).toBe(
      'repeatable read',
    );
    const readOnly = 'show transaction_read_only';
    expect(await database.transaction((tx) => valueOf(tx, readOnly), snapshot)).toBe('on');
    const tried = (tx: Executor) => run(tx, `insert into notes values (1, 'tried')`);
    expect(await database.transaction(tried, { mode: 'dry_run' })).toMatchObject({ rowCount: 1 });
    expect(await bodies()).toEqual([]);
  });

  it('may begin with a savepoint, or with nothing at all', async () => {
    await database.transaction(async (tx) => {
      await tx
        .savepoint(async () => {
          await run(tx, `insert into notes values (1, 'undone')`);
          throw new Error('undo');
        })
        .catch(() => undefined);
      await run(tx, `insert into notes values (2, 'kept')`);
    });
    expect(await database.transaction(() => Promise.resolve('nothing'))).toBe('nothing');
    expect(await bodies()).toEqual(['kept']);
  });

  it('that fails with its first statement says so, and the next one works', async () => {
    const failed = database.transaction((tx) => run(tx, 'select 1 / 0'));
    await expect(failed).rejects.toMatchObject({ code: '22012' });
    await database.transaction((tx) => run(tx, `insert into notes values (1, 'kept')`));
    expect(await bodies()).toEqual(['kept']);
  });

  it('runs nothing where it cannot begin, and the next one has another connection', async () => {
    // As if the server had lost what it knew.
    await run(database, 'deallocate all');
    const work = database.transaction(async (tx) => {
      const insert = (id: number) => run(tx, `insert into notes values (${id}, 'alone')`);
      await Promise.allSettled([insert(1), insert(2)]);
      await insert(3).catch(() => undefined);
    });
    await expect(work).rejects.toMatchObject({ code: '26000' });
    expect(await bodies()).toEqual([]);
    await database.transaction((tx) => run(tx, `insert into notes values (1, 'kept')`));
    expect(await bodies()).toEqual(['kept']);
  });
});

describe('what is to be done later', () => {
  const insert = (id: number): Query => ({
    name: 'test.insert',
    text: `insert into notes values ($1, 'later')`,
    values: [id],
  });
  // Of one that the connection knows, and of one that it does not.
  beforeEach(async () => {
    await database.query(insert(100));
    await store.sql('truncate notes');
  });
  const another: Query = { name: '', text: `insert into notes values (50, 'another')`, values: [] };

  it('is done before what comes next, and before the commit', async () => {
    const counts = await database.transaction(async (tx) => {
      tx.later(insert(1));
      tx.later(another);
      tx.later(insert(2));
      const count = await valueOf(tx, 'select count(*)::integer from notes');
      tx.later(insert(3));
      return count;
    });
    expect(counts).toBe(3);
    expect(await bodies()).toEqual(['later', 'later', 'later', 'another']);
  });

  it('may be all that a transaction does, and all that a dry run takes back', async () => {
    await written(database, (tx) => {
      tx.later(insert(1));
    });
    const tried = database.transaction(
      (tx) => {
        tx.later(insert(2));
        return Promise.resolve('tried');
      },
      { mode: 'dry_run' },
    );
    expect(await tried).toBe('tried');
    expect(await bodies()).toEqual(['later']);
  });

  it('fails what it goes with, and the commit, by its own error', async () => {
    const taken = { constraint: 'notes_pkey' };
    const before = database.transaction(async (tx) => {
      tx.later(insert(1));
      tx.later(insert(1));
      await run(tx, `insert into notes values (2, 'behind')`);
    });
    await expect(before).rejects.toMatchObject(taken);
    const atTheEnd = database.transaction(async (tx) => {
      await run(tx, `insert into notes values (3, 'ahead')`);
      tx.later(insert(3));
    });
    await expect(atTheEnd).rejects.toMatchObject(taken);
    expect(await bodies()).toEqual([]);
  });

  it('fails in the savepoint that it was asked for in, and the transaction goes on', async () => {
    await database.transaction(async (tx) => {
      tx.later(insert(1));
      const failed = tx.savepoint(() => {
        tx.later(insert(2));
        tx.later(insert(1));
        return Promise.resolve();
      });
      await expect(failed).rejects.toMatchObject({ constraint: 'notes_pkey' });
      await tx.savepoint(() => {
        tx.later(insert(3));
        return Promise.resolve();
      });
      const dropped = tx.savepoint(() => {
        tx.later(insert(4));
        throw new Error('before anything was asked');
      });
      await expect(dropped).rejects.toThrow('before anything was asked');
      tx.later(insert(5));
    });
    expect((await store.sql<{ id: number }>('select id from notes')).map(({ id }) => id)).toEqual([
      1, 3, 5,
    ]);
  });

  it('fails the transaction where it failed before the savepoint, whatever was gone back to before', async () => {
    const work = database.transaction(async (tx) => {
      await tx.savepoint(() => run(tx, 'select 1 / 0')).catch(() => undefined);
      tx.later(insert(1));
      tx.later(insert(1));
      await tx.savepoint(() => run(tx, 'select')).catch(() => undefined);
    });
    await expect(work).rejects.toMatchObject({ constraint: 'notes_pkey' });
    expect(await bodies()).toEqual([]);
  });

  it('may fail inside of a savepoint that another one is in, and that one is gone back to', async () => {
    await database.transaction(async (tx) => {
      await tx.query(insert(1));
      const outer = tx.savepoint(async () => {
        await tx.query(insert(2));
        tx.later(insert(1));
        await tx.savepoint(() => run(tx, 'select')).catch(() => undefined);
      });
      await expect(outer).rejects.toMatchObject({ constraint: 'notes_pkey' });
      tx.later(insert(3));
    });
    expect((await store.sql<{ id: number }>('select id from notes')).map(({ id }) => id)).toEqual([
      1, 3,
    ]);
  });

  it('is waited for as long as each of its statements may take', async () => {
    const slow = (name: string): Query => ({
      name,
      text: `insert into notes select $1, 'slow' from (select pg_sleep(1)) as slept`,
      values: [name.length],
    });
    const { connection } = store;
    const client = new pg.Client({ ...connection, query_timeout: 1_500 });
    await client.connect();
    for (const name of ['a', 'bb']) await sendMessage(client, [slow(name)]);
    await store.sql('truncate notes');
    await sendMessage(client, [slow('a'), slow('bb')]);
    await client.end();
    expect(await bodies()).toEqual(['slow', 'slow']);
  });

  it('that cannot be told to PostgreSQL fails at once, and its connection goes on', async () => {
    const circle: unknown[] = [];
    circle.push(circle);
    const told = database.transaction(async (tx) => {
      tx.later({ ...insert(1), values: [{ circle }] });
      await run(tx, 'select');
    });
    await expect(told).rejects.toThrow(/circular/i);
    await written(database, (tx) => {
      tx.later(insert(2));
    });
    expect(await bodies()).toEqual(['later']);
  });

  it('is done in its place by whoever asks for more at the same moment, and not after a failure', async () => {
    const goes = (n: number): Query => ({ ...insert(n), name: `test.unknown_${n}` });
    const work = database.transaction(async (tx) => {
      tx.later(goes(1));
      tx.later(goes(2));
      await Promise.all([
        run(tx, 'select'),
        run(tx, `insert into notes values (3, 'behind')`),
        Promise.reject(new Error('not that way')),
      ]);
    });
    await expect(work).rejects.toThrow('not that way');
    // One by one behind whatever of it was under way.
    await database.transaction((tx) => run(tx, 'select'));
    expect(await bodies()).toEqual([]);
  });

  it('is gone back from by nobody whose transaction has ended without them', async () => {
    const gate = createDeferred<undefined>();
    let straggler: Promise<unknown> = Promise.resolve();
    const failed = database.transaction(async (tx) => {
      const isInside = createDeferred<undefined>();
      straggler = tx
        .savepoint(async () => {
          await run(tx, 'select');
          isInside.resolve(undefined);
          await gate.promise;
          throw new Error('too late');
        })
        .catch(() => undefined);
      await isInside.promise;
      throw new Error('not that way');
    });
    await expect(failed).rejects.toThrow('not that way');
    await database.transaction((tx) =>
      tx.savepoint(async () => {
        await tx.query(insert(1));
        gate.resolve(undefined);
        await straggler;
        await tx.query(insert(2));
      }),
    );
    expect(await bodies()).toEqual(['later', 'later']);
  });

  it('is no statement whose rows somebody would have to read', () => {
    const asked = written(database, (tx) => {
      readCounters.later(tx, {});
    });
    return expect(asked).rejects.toThrow('gives rows that nobody would read');
  });
});

describe('a short transaction', () => {
  it('takes a turn for each statement that is waited for, and one for its commit', async () => {
    await using tap = await startTap(store);
    const connection = { ...store.connection, host: '127.0.0.1', port: tap.port };
    const options = { connection, maxConnections: 1, applicationName: 'test' };
    const tapped = createDatabase(store.kit, options);
    const insert = (id: number): Query => ({
      name: 'test.insert_turn',
      text: `insert into notes values ($1, 'x')`,
      values: [id],
    });
    const turnsOf = async (work: (tx: Transaction) => Promise<unknown>): Promise<number> => {
      const before = tap.turns();
      await tapped.transaction(work);
      return tap.turns() - before;
    };
    const short = (id: number) => (tx: Transaction) => tx.query(insert(id));
    const long = (id: number) => async (tx: Transaction) => {
      tx.later(insert(id));
      await tx.savepoint(() => tx.query(insert(id + 1)));
      await tx.savepoint(() => tx.query(insert(id + 2)));
      tx.later(insert(id + 3));
      tx.later(insert(id + 4));
    };
    // What the connection has yet to learn takes a turn.
    await turnsOf(short(1));
    await turnsOf(long(10));
    expect(await turnsOf(short(2))).toBe(2);
    expect(await turnsOf(long(20))).toBe(3);
    const inside = (id: number) => (tx: Transaction) =>
      tx.savepoint(() => {
        tx.later(insert(id));
        return Promise.resolve();
      });
    expect(await turnsOf(inside(30))).toBe(2);
    await tapped.close();
  });
});

interface Tap extends AsyncDisposable {
  readonly port: number;
  /** What PostgreSQL has to answer with that it is ready for more. */
  turns(): number;
}

/** Between a connection and the server. */
async function startTap({ connection: { host, port } }: TestStore): Promise<Tap> {
  let turns = 0;
  const server = net.createServer((client) => {
    const upstream = host.startsWith('/')
      ? net.connect(path.join(host, `.s.PGSQL.${port}`))
      : net.connect(port, host);
    let rest = Buffer.alloc(0);
    let isStarted = false;
    client.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const head = isStarted ? 1 : 0; // The first message has no type.
        if (rest.length < head + 4) break;
        const length = head + rest.readUInt32BE(head);
        if (rest.length < length) break;
        if (isStarted && 'QS'.includes(String.fromCharCode(rest[0]!))) turns += 1;
        isStarted = true;
        rest = rest.subarray(length);
      }
    });
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    turns: () => turns,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
