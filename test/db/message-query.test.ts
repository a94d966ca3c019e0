// What a message gives: of statements that a connection knows, and of those that end in another way than most.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MessageQuery, type Answer, type Readers } from '../../src/store/message-query.ts';
import { sendMessage } from '../../src/store/message.ts';
import type { Query } from '../../src/store/statement.ts';
import { settle } from '../support/manual-clock.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let client: pg.Client;

const named = (name: string, text: string): Query => ({ name: `test.${name}`, text, values: [] });
const send = (...statements: readonly Query[]): Promise<Answer> => sendMessage(client, statements);
/** The next statement has the answer to itself. */
const expectHealthy = async (): Promise<void> => {
  expect((await send(named('next', 'select 42'))).rows).toEqual([[42]]);
};

beforeAll(async () => {
  store = await openTestStore();
  await store.sql('create table notes (id integer primary key, body text not null)');
});
beforeEach(async () => {
  await store.sql('truncate notes');
  client = await store.database.connect();
});
afterEach(() => client.end());
afterAll(() => store.close());

describe('a message', () => {
  it.each([
    ['create table more (a integer)', 'CREATE', null],
    ['select 1 where false', 'SELECT', 0],
    [`insert into notes values (1, 'a'), (2, 'b')`, 'INSERT', 2],
    [`update notes set body = 'c'`, 'UPDATE', 0],
    ['begin', 'BEGIN', null],
    ['', '', null],
  ])('gives what PostgreSQL says of %j', async (text, command, rowCount) => {
    expect(await send(named('told', text))).toEqual({ rows: [], command, rowCount });
    await expectHealthy();
  });

  it('with an empty statement ahead gives what the last one gives', async () => {
    const nothing = named('nothing', '');
    await send(nothing);
    expect((await send(nothing, named('last', 'select 1'))).rows).toEqual([[1]]);
    await expectHealthy();
  });

  it('with a value that cannot be read fails, and the next one does not', async () => {
    await send(named('two', 'values (1), (2)'));
    const read = (readers: Readers) =>
      new Promise((resolve, reject) => {
        const last = { statement: 'test.two', values: [] };
        const parts = { ahead: [], last, text: 'values (1), (2)', readers, timeoutMs: undefined };
        const query = new MessageQuery(parts, (error, answer) =>
          error === undefined ? resolve(answer) : reject(error),
        );
        client.query(query as unknown as pg.Submittable);
      });
    const refuse = (): never => {
      throw new Error('not this one');
    };
    await expect(read([refuse])).rejects.toThrow('not this one');
    expect(await read([Number])).toMatchObject({ rows: [[1], [2]] });
  });

  it('with more columns than it had fails', async () => {
    const fetch = named('fetch', 'fetch c');
    await send(named('begin', 'begin'));
    await send(named('narrow', 'declare c cursor for select 1'));
    expect((await send(fetch)).rows).toEqual([[1]]);
    await send(named('close', 'close c'));
    await send(named('wide', 'declare c cursor for select 1, 2'));
    await expect(send(fetch)).rejects.toThrow(TypeError);
  });

  it('that would copy something in fails', async () => {
    const copy = named('copy', 'copy notes from stdin');
    await expect(send(copy)).rejects.toThrow('nothing is copied in');
    await expectHealthy();
    // PostgreSQL gives the connection up, which finds a statement where data should be.
    await expect(send(copy, named('next', 'select 42'))).rejects.toThrow();
  });
});

describe('a statement that a connection knows', () => {
  const wide = (given: number | null): Query => ({
    name: 'test.wide',
    text: `select $1::integer as n, 2::bigint as big, '{"a": [1]}'::jsonb as doc, null::text as nothing,
        true as yes, '\\x00ff'::bytea as bytes
      from generate_series(1, 2)`,
    values: [given],
  });
  const expected = (given: number | null) => {
    const row = [given, 2, { a: [1] }, null, true, Buffer.from([0, 255])];
    return [row, row];
  };
  /** A connection of its own, and how often it was told what rows are like. */
  const connect = async () => {
    const client = await store.database.connect();
    let told = 0;
    (client as unknown as { connection: NodeJS.EventEmitter }).connection.on(
      'rowDescription',
      () => (told += 1),
    );
    return { client, told: () => told };
  };

  it('gives what it gave before, and is asked once what its rows are like', async () => {
    const { client, told } = await connect();
    for (const given of [1, null, 3]) {
      const { rows, rowCount } = await sendMessage(client, [wide(given)]);
      expect([rows, rowCount]).toEqual([expected(given), 2]);
    }
    expect(told()).toBe(1);
    await client.end();
  });

  it('gives its own rows, whatever goes ahead of it', async () => {
    const { client, told } = await connect();
    await store.sql(`insert into notes values (1, 'a'), (2, 'b')`);
    const touch: Query = { name: 'test.touch', text: 'select from notes for update', values: [] };
    await sendMessage(client, [touch]);
    for (const given of [1, 2]) {
      const { rows, rowCount } = await sendMessage(client, [touch, touch, wide(given)]);
      expect([rows, rowCount]).toEqual([expected(given), 2]);
    }
    expect(told()).toBe(2);
    expect((await sendMessage(client, [touch, touch])).rowCount).toBe(2);
    await client.end();
  });

  it('fails as before, and goes on after that', async () => {
    const { client } = await connect();
    const divide = (by: number): Query => ({
      name: 'test.divide',
      text: 'select 6 / $1::integer as n',
      values: [by],
    });
    expect((await sendMessage(client, [divide(2)])).rows).toEqual([[3]]);
    await expect(sendMessage(client, [divide(0)])).rejects.toMatchObject({ code: '22012' });
    expect((await sendMessage(client, [divide(3)])).rows).toEqual([[2]]);
    await client.end();
  });

  it('is not taken for another one of its name', async () => {
    const { client } = await connect();
    const named = (text: string): Query => ({ name: 'test.named', text, values: [] });
    expect((await sendMessage(client, [named('select 1')])).rows).toEqual([[1]]);
    await expect(sendMessage(client, [named('select 2')])).rejects.toThrow(
      'two statements have the name test.named',
    );
    expect((await sendMessage(client, [named('select 1')])).rows).toEqual([[1]]);
    await client.end();
  });

  it('does not keep the rows that it gave', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { client } = await connect();
    const ask = async () => new WeakRef((await sendMessage(client, [wide(1)])).rows);
    const given = await ask();
    await ask();
    await settle();
    collect();
    expect(given.deref()).toBeUndefined();
    await client.end();
  });

  it('is refused where its rows are not like that any more', async () => {
    const { client } = await connect();
    await store.sql('create table changing (a integer)');
    const all: Query = { name: 'test.changing', text: 'select * from changing', values: [] };
    await sendMessage(client, [all]);
    await store.sql('alter table changing add column b text');
    await expect(sendMessage(client, [all])).rejects.toMatchObject({ code: '0A000' });
    await client.end();
  });
});
