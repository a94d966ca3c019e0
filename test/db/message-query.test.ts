// What pg's client hands to the query of a message, beyond what a healthy server gives to healthy statements.
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MessageQuery, type Answer, type Readers } from '../../src/store/message-query.ts';
import { sendMessage } from '../../src/store/message.ts';
import type { Query } from '../../src/store/statement.ts';
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
  await store.sql('create table notes (body text)');
});
beforeEach(async () => {
  client = await store.database.connect();
});
afterEach(() => client.end());
afterAll(() => store.close());

describe('a message', () => {
  it.each([
    ['create table more (a integer)', 'CREATE', null],
    ['select 1 where false', 'SELECT', 0],
    [`insert into notes values ('a'), ('b')`, 'INSERT', 2],
    [`update notes set body = 'c'`, 'UPDATE', 2],
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
