import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

async function ask(database: TestDatabase, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

const COUNT_TABLES = `select count(*)::int from pg_tables where schemaname = 'public'`;

describe('a test database', () => {
  it('has the schema, and is nobody else’s', async () => {
    await using one = await createTestDatabase();
    await using other = await createTestDatabase();
    expect(await ask(one, `select count(*) > 0 from schema_migrations`)).toEqual([true]);
    await ask(one, 'create table only_here ()');
    await expect(ask(other, 'select * from only_here')).rejects.toThrow('does not exist');
  });

  it('has no schema where that is asked for', async () => {
    await using database = await createTestDatabase({ schema: 'empty' });
    expect(await ask(database, COUNT_TABLES)).toEqual([0]);
  });

  it('is dropped although somebody is still connected', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client(database.connection);
    // More than one comes: the server's last words, then the broken connection.
    const lost = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await database.close();
    expect(await lost).toMatchObject({ message: expect.stringContaining('terminating') });
    await expect(ask(database, 'select 1')).rejects.toThrow('does not exist');
  });
});
