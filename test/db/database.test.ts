// Transactions and connections as everything above the store relies on them.
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase } from '../../src/store/database.ts';
import { isUnavailable } from '../../src/store/sqlstate.ts';
import type { Executor, QueryResult } from '../../src/store/statement.ts';
import { createDeferred } from '../support/deferred.ts';
import { openTestStore, type TestStore } from '../support/store.ts';
import { until } from '../support/until.ts';
import { startUnwelcomingPostgres } from '../support/unwelcoming-postgres.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
  await store.sql('create table notes (id integer primary key, body text not null)');
});
afterAll(() => store.close());

const run = (on: Executor, text: string): Promise<QueryResult> =>
  on.query({ name: text, text, values: [] });
const valueOf = async (on: Executor, text: string): Promise<unknown> =>
  (await run(on, text)).rows[0]?.[0];
const bodies = async (): Promise<readonly unknown[]> =>
  (await store.sql<{ body: string }>('select body from notes order by id')).map(({ body }) => body);

describe('a database whose defaults are other than ours', () => {
  it('is read committed and in ISO dates all the same', async () => {
    await store.sql(
      `do $$ begin
         execute format(
           'alter database %I set default_transaction_isolation = serializable', current_database());
         execute format('alter database %I set datestyle = "SQL, DMY"', current_database());
       end $$`,
    );
    const strict = store.open();
    expect(await valueOf(strict, 'show transaction_isolation')).toBe('read committed');
    expect(await strict.transaction((tx) => valueOf(tx, 'show transaction_isolation'))).toBe(
      'read committed',
    );
    expect(
      await strict.transaction((tx) => valueOf(tx, 'show transaction_isolation'), {
        mode: 'snapshot',
      }),
    ).toBe('repeatable read');
    const at = `select '2026-02-01T00:00:00Z'::timestamptz as at`;
    expect(await valueOf(strict, at)).toBe(Date.UTC(2026, 1, 1));
  });
});

describe('a statement', () => {
  it('is planned once by a connection, for whatever values', async () => {
    const database = store.open(1);
    const text = 'select count(*) from notes where id = any ($1::integer[])';
    const ids = [[1], [2, 3], [], [4, 5, 6, 7]];
    const look = { name: 'test.look', text };
    for (const each of ids) await database.query({ ...look, values: [each] });
    await database.transaction((tx) => tx.query({ ...look, values: [[1]] }));
    const { rows } = await database.query({
      name: 'test.plans',
      text: `select generic_plans::integer, custom_plans::integer
             from pg_prepared_statements where name = 'test.look'`,
      values: [],
    });
    expect(rows).toEqual([[ids.length + 1, 0]]);
  });
});

describe('a database whose connections are all in use', () => {
  it('says so of a turn that does not come, and not that PostgreSQL is away', async () => {
    const { connection } = store;
    const options = { connection, maxConnections: 1, applicationName: 'test', turnTimeoutMs: 1000 };
    const database = createDatabase(store.kit, options);
    // Connecting may take longer than that.
    await until(async () => expect(await valueOf(database, 'select 1')).toBe(1));
    /** Has the connection until `left`. */
    const hold = (left: Promise<unknown>) => {
      const begun = createDeferred<null>();
      const done = database.transaction(async () => {
        begun.resolve(null);
        await left;
      });
      return { begun: begun.promise, done };
    };
    const [firstLeft, lastLeft] = [createDeferred<null>(), createDeferred<null>()];
    const first = hold(firstLeft.promise);
    await first.begun;
    const last = hold(lastLeft.promise);
    const refused = expect(run(database, 'select 1')).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      detail: 'none of the 1 connections to PostgreSQL became free within 1 s',
      hint: expect.stringContaining('STANDBY_DATABASE_MAX_CONNECTIONS'),
    });
    firstLeft.resolve(null);
    await refused;
    lastLeft.resolve(null);
    await Promise.all([first.done, last.done]);
    expect(await valueOf(database, 'select 1')).toBe(1);
    await database.close();
  });

  it('says that PostgreSQL is away where it answers none of them', async () => {
    await using server = await startUnwelcomingPostgres({ isSilent: true });
    const { connection } = server;
    const options = { connection, maxConnections: 1, applicationName: 'test', turnTimeoutMs: 100 };
    const database = createDatabase(store.kit, options);
    const [first, next] = await Promise.allSettled([
      run(database, 'select 1'),
      run(database, 'select 1'),
    ]);
    expect(first).toMatchObject({ reason: { code: 'DATABASE_UNAVAILABLE' } });
    expect(next).toMatchObject({
      reason: {
        code: 'DATABASE_UNAVAILABLE',
        detail: 'PostgreSQL could not be used: no connection answered within 0.1 s',
        hint: expect.stringContaining('Check that PostgreSQL is running'),
      },
    });
    await database.close();
  });
});

describe('a statement by itself', () => {
  it('runs again after a deadlock', async () => {
    await store.sql('create sequence tries');
    await store.sql(`
      create function deadlock_twice() returns bigint language plpgsql as $$
      declare try bigint := nextval('tries');
      begin
        if try <= 2 then raise exception 'as if' using errcode = 'deadlock_detected'; end if;
        return try;
      end $$`);
    expect(await valueOf(store.database, 'select deadlock_twice()::integer')).toBe(3);
  });

  it('that PostgreSQL refuses costs no connection', async () => {
    const database = store.open(1);
    const pid = await valueOf(database, 'select pg_backend_pid()');
    await expect(run(database, 'select 1 / 0')).rejects.toThrow('division by zero');
    expect(await valueOf(database, 'select pg_backend_pid()')).toBe(pid);
  });

  it('that waits for too long is over when its caller is told so', async () => {
    await store.sql(`insert into notes values (10, 'as it was')`);
    const database = store.open(1);
    expect(await valueOf(database, 'show statement_timeout')).toBe('15s'); // the caller waits 20
    await run(database, `set statement_timeout = '50ms'`);
    const holder = await store.database.connect();
    await holder.query('begin');
    await holder.query('select from notes where id = 10 for update');
    await expect(
      run(database, `update notes set body = 'late' where id = 10`),
    ).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await holder.query('commit');
    await holder.query('select from notes where id = 10 for update'); // waits for whoever waited
    await holder.end();
    expect(await bodies()).toEqual(['as it was']);
    await store.sql('delete from notes');
  });

  it('that is ended with its connection leaves that to nobody', async () => {
    const database = store.open(1);
    const pid = await valueOf(database, 'select pg_backend_pid()');
    const timedOut = `do $$ begin raise exception 'as if' using errcode = '25P04'; end $$`;
    await expect(run(database, timedOut)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(await valueOf(database, 'select pg_backend_pid()')).not.toBe(pid);
  });

  it('that loses its connection says that PostgreSQL could not be used, and the next one works', async () => {
    const database = store.open(1);
    await expect(
      run(database, 'select pg_terminate_backend(pg_backend_pid())'),
    ).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(await valueOf(database, 'select 1')).toBe(1);
  });
});

describe('a transaction', () => {
  it('begins again after a deadlock, and nothing of the first try is left', async () => {
    await store.sql(`insert into notes values (1, 'a'), (2, 'b')`);
    const arrived = [0, 0];
    let bothArrived = (): void => undefined;
    const meeting = new Promise<void>((resolve) => (bothArrived = resolve));
    const swap = (who: 0 | 1): Promise<void> =>
      store.database.transaction(async (tx) => {
        await run(tx, `update notes set body = body || '!' where id = ${who + 1}`);
        arrived[who]! += 1;
        if (arrived.every((tries) => tries > 0)) bothArrived();
        await meeting;
        await run(tx, `update notes set body = body || '?' where id = ${2 - who}`);
      });
    await Promise.all([swap(0), swap(1)]);
    expect([...arrived].sort()).toEqual([1, 2]);
    expect((await bodies()).map((body) => String(body).length)).toEqual([3, 3]);
    await store.sql('delete from notes');
  });

  it('undoes a savepoint alone, with what it announced', async () => {
    store.announced.length = 0;
    await store.database.transaction(async (tx) => {
      await run(tx, `insert into notes values (1, 'kept')`);
      tx.notify({ kind: 'lease', name: 'kept' });
      const failed = tx.savepoint(async () => {
        await run(tx, `insert into notes values (2, 'undone')`);
        tx.notify({ kind: 'lease', name: 'undone' });
        await run(tx, `insert into notes values (1, 'twice')`);
      });
      await expect(failed).rejects.toMatchObject({ code: '23505' });
    });
    expect(await bodies()).toEqual(['kept']);
    expect(store.announced).toEqual([{ kind: 'lease', name: 'kept' }]);
    await store.sql('delete from notes');
  });

  it('does not pass for committed when one of its statements failed unnoticed', async () => {
    const work = store.database.transaction(async (tx) => {
      await run(tx, `insert into notes values (1, 'lost')`);
      await run(tx, 'select 1 / 0').catch(() => undefined);
    });
    await expect(work).rejects.toThrow('failed before its commit');
    expect(await bodies()).toEqual([]);
  });

  it('that loses its connection says that PostgreSQL could not be used, and the next one works', async () => {
    const work = store.database.transaction(async (tx) => {
      await run(tx, 'select pg_terminate_backend(pg_backend_pid())');
    });
    await expect(work).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(await store.database.transaction((tx) => valueOf(tx, 'select 1'))).toBe(1);
  });

  it('leaves a server that only reads, as a former primary does, and connects anew', async () => {
    const setReadOnly = (on: boolean) =>
      store.sql(
        `do $$ begin execute format(
           'alter database %I set default_transaction_read_only = ${on}', current_database());
         end $$`,
      );
    await setReadOnly(true);
    const demoted = store.open(1);
    const write = () => demoted.transaction((tx) => run(tx, `insert into notes values (3, 'c')`));
    await expect(write()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await setReadOnly(false);
    await write();
    expect(await bodies()).toEqual(['c']);
    await store.sql('delete from notes');
  });

  it('lends no second connection to what runs inside it', async () => {
    const work = store.database.transaction(() => run(store.database, 'select 1'));
    await expect(work).rejects.toThrow('second connection');
  });

  it('lets nothing be announced but through itself', async () => {
    store.announced.length = 0;
    const work = store.database.transaction(() => {
      store.database.announce([{ kind: 'lease', name: 'early' }]);
      return Promise.resolve();
    });
    await expect(work).rejects.toThrow('announcing inside a database transaction');
    expect(store.announced).toEqual([]);
  });
});

describe('a connection that is ended while it is lent', () => {
  it('as soon as it is there counts as a database that cannot be used, and ends no process', async () => {
    await using server = await startUnwelcomingPostgres();
    const database = createDatabase(store.kit, {
      connection: server.connection,
      maxConnections: 2,
      applicationName: 'test',
    });
    await expect(run(database, 'select 1')).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await expect(database.transaction((tx) => run(tx, 'select 1'))).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
    });
    await database.close();
  });
});

describe('a connection that cannot be used any more', () => {
  const connect = async (options: pg.ClientConfig = {}): Promise<pg.Client> => {
    const client = new pg.Client({ ...store.connection, ...options });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const errorOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  const terminate = (pid: unknown) => store.sql('select pg_terminate_backend($1)', [pid]);
  const pidOf = async (client: pg.Client): Promise<unknown> =>
    (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;

  it('counts as a database that cannot be used when it does not answer', async () => {
    const client = await connect({ query_timeout: 100 });
    const pid = await pidOf(client);
    expect(isUnavailable(await errorOf(client.query('select pg_sleep(60)')))).toBe(true);
    await terminate(pid);
    await client.end();
  });

  it('counts as a database that cannot be used when it was lost between two statements', async () => {
    const client = await connect();
    const lost = new Promise<void>((resolve) => client.once('end', resolve));
    await terminate(await pidOf(client));
    await lost;
    expect(isUnavailable(await errorOf(client.query('select 1')))).toBe(true);
  });

  it('counts as a database that cannot be used when it was closed', async () => {
    const client = await connect();
    await client.end();
    expect(isUnavailable(await errorOf(client.query('select 1')))).toBe(true);
  });
});
