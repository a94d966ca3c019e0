// A transaction begins with its first statement, in one message: also on a connection that has begun others before.
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type Database } from '../../src/store/database.ts';
import type { Executor, QueryResult } from '../../src/store/statement.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

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

describe('a short transaction', () => {
  it('takes as many turns as it has statements, and one for its commit', async () => {
    await using tap = await startTap(store);
    const connection = { ...store.connection, host: '127.0.0.1', port: tap.port };
    const options = { connection, maxConnections: 1, applicationName: 'test' };
    const tapped = createDatabase(store.kit, options);
    const insert = (id: number): Promise<QueryResult> =>
      tapped.transaction((tx) => run(tx, `insert into notes values (${id}, 'x')`));
    await insert(1);
    const before = tap.turns();
    await insert(2);
    expect(tap.turns() - before).toBe(2);
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
