// Every statement of src/store, as PostgreSQL understands it: nothing is executed.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registeredStatements } from '../../src/store/statement.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const STORE = path.join(import.meta.dirname, '../../src/store');
const modules = readdirSync(STORE, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
);
for (const name of modules) await import(path.join(STORE, name));
const statements = registeredStatements();

interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

/** Parse and Describe of the extended protocol, as pg lets a query of one's own submit them. */
function describeStatement(client: pg.Client, text: string): Promise<readonly Field[]> {
  return new Promise((resolve, reject) => {
    let fields: readonly Field[] = [];
    const query = {
      submit: (connection: pg.Connection) => {
        connection.parse({ text, name: '', types: [] }, true);
        connection.describe({ type: 'S', name: '' }, true);
        connection.sync();
      },
      handleRowDescription: (message: { readonly fields: readonly Field[] }) => {
        fields = message.fields;
      },
      handleError: (error: Error) => reject(error),
      handleReadyForQuery: () => resolve(fields),
    };
    client.query(query);
  });
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

describe('every registered statement', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client(database.connection);
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.close();
  });

  it('is found by this test', () => {
    expect(statements.length).toBeGreaterThan(50);
    // Of one that lists by what is given.
    expect(statements.filter(({ variants }) => variants().length > 8)).not.toEqual([]);
  });

  // With each choice of the filters that it may be given.
  const asked = statements.flatMap(({ columns, variants }) =>
    variants().map(({ name, text }) => [name, { text, columns }] as const),
  );

  it.each(asked)('%s gives the columns that it declares', async (_, { text, columns }) => {
    const declared = Object.entries(columns).map(([name, { oid }]) => [snakeCase(name), oid]);
    const fields = await describeStatement(client, text);
    expect(fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual(declared);
  });

  it('fails this test when its columns are others', async () => {
    const fields = await describeStatement(client, 'select 1::int8 as one');
    expect(fields).toMatchObject([{ name: 'one', dataTypeID: 20 }]);
    await expect(describeStatement(client, 'select missing from jobs')).rejects.toMatchObject({
      code: '42703',
    });
  });
});
